import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { asToday } from "./docker-age.ts";
import type { Outcome } from "./program.ts";
import { type SavedImage, savedImage } from "./saved-image.ts";
import type { Pair, Twins } from "./twins.ts";

/** Files that were changed since these tests began have no time that could be compared. */
const since = Math.floor(Date.now() / 1000);

const fields = [
  ...(["Env", "Cmd", "Entrypoint", "WorkingDir", "User", "ExposedPorts", "Volumes", "Labels"] as const),
  ...(["Shell", "StopSignal", "OnBuild", "Healthcheck"] as const),
];

/** An image as it is compared. Newer Docker's and older ones' words for what isn't set are one. */
function comparableImage({ config: { config, history = [], author }, layers }: SavedImage): object {
  return {
    config: Object.fromEntries(fields.map((field) => [field, emptyAsNull(config?.[field])])),
    history: history
      .slice(1)
      .map(({ created_by, comment, empty_layer = false }) => ({ created_by, comment, empty_layer })),
    author: emptyAsNull(author),
    layers,
  };
}

function emptyAsNull(value: unknown): unknown {
  const empty =
    value === undefined || value === "" || (typeof value === "object" && Object.keys(value ?? {}).length === 0);
  return empty ? null : value;
}

/** An image of both, whole, as it is compared: Docker's as the Docker of today makes it. */
export async function comparableImages({ berth, docker }: Twins, image: string): Promise<Pair<object>> {
  const imageOf = async (run: Twins["docker"]["run"]): Promise<object> => {
    const archive = join(berth.directory, `${randomUUID()}.tar`);
    const { code, stderr }: Outcome = await run(["save", "-o", archive, image]);
    if (code !== 0) throw new Error(`save ${image} ended with ${code}: ${stderr}`);
    const saved = await savedImage(archive, since);
    await rm(archive);
    return comparableImage(saved);
  };
  const [mine, dockers] = await Promise.all([imageOf(berth.run), imageOf(docker.run)]);
  return { berth: mine, docker: asToday(dockers) };
}
