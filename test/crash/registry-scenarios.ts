import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Berth } from "../support/berth.ts";
import type { Registry } from "../support/registry.ts";
import { imageAt } from "../support/registry-image.ts";
import type { Scenario } from "./scenarios.ts";

/** The verbs that speak with a registry. */
export async function registryScenarios(
  berth: Berth,
  registry: Registry,
): Promise<Readonly<Record<"pull" | "push", Scenario>>> {
  const image = `${registry.host}/scenario:1`;
  const archive = join(berth.directory, "scenario.tar");
  await berth.files("scenario", {
    Dockerfile: "FROM busybox\nCOPY file /file\nCMD cat /file\n",
    file: "of a registry",
  });
  await berth.out(["build", "-q", "-t", image, "scenario"]);
  await berth.out(["save", "-o", archive, image]);

  // Nothing but the image has its layers.
  await berth.out(["builder", "prune", "-af"]);

  const empty = (): void => rmSync(join(registry.data, "docker"), { recursive: true, force: true });
  const offer = async (): Promise<void> => {
    empty();
    await berth.out(["load", "-q", "-i", archive]);
    await berth.out(["push", "-q", image]);
  };
  let offered: Promise<void> | undefined;
  return {
    pull: {
      args: ["pull", "-q", image],
      // What an interrupted one has downloaded stays: the next one goes on with it.
      prepare: async () => {
        offered ??= offer();
        await offered;
        await berth.run(["rmi", "-f", image]);
      },
      verify: async () => {
        const said = await berth.out(["run", "--rm", "--network", "none", image]);
        if (said !== "of a registry") throw new Error(`${image} says ${JSON.stringify(said)}`);
      },
    },
    push: {
      args: ["push", "-q", image],
      prepare: async () => {
        empty();
        offered = undefined;
        // Nothing is known of how its layers are compressed.
        await berth.run(["rmi", "-f", image]);
        await berth.out(["load", "-q", "-i", archive]);
      },
      verify: async () => {
        const [, said] = /@(sha256:[0-9a-f]{64})/.exec(await berth.out(["image", "inspect", image])) ?? [];
        const { digest } = await imageAt(`${registry.url}/v2/scenario`, "1");
        if (digest !== said) throw new Error(`the registry has ${digest}; the store knows ${said}`);
      },
    },
  };
}
