import { createInterface } from "node:readline/promises";
import type { Engine } from "../../engine/engine.ts";
import type { Image } from "../engine-types.ts";
import { humanSize } from "../format/human-size.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Ask before something is deleted. @returns true when the user agrees; anything but yes is no */
export async function agreed({ stdin, stdout }: Terminal, warning: string): Promise<boolean> {
  stdout.write(`WARNING! ${warning}\n`);
  const lines = createInterface({ input: stdin });
  stdout.write("Are you sure you want to continue? [y/N] ");
  try {
    for await (const line of lines) return ["y", "yes"].includes(line.trim().toLowerCase());
    return false;
  } finally {
    lines.close();
    stdin.destroy();
  }
}

/** Remove every container that isn't running. @returns their IDs */
export async function pruneContainers({ containers }: Engine): Promise<readonly string[]> {
  const stopped = (await containers.list()).filter(
    ({ state }) => state.status === "created" || state.status === "exited",
  );
  for (const { id } of stopped) await containers.remove(id);
  return stopped.map(({ id }) => id);
}

/** What {@link pruneImages} did. */
export interface PrunedImages {
  readonly lines: readonly string[];
  /** Bytes, without what other images share. */
  readonly bytes: number;
}

/** Remove the images that have neither a name nor a container nor an image made from them; with `all`, named ones too that no container uses. */
export async function pruneImages({ images, containers }: Engine, all: boolean): Promise<PrunedImages> {
  const used = new Set((await containers.list()).map(({ imageID }) => imageID));
  const lines: string[] = [];
  let bytes = 0;
  // An image that goes may leave its parent unused.
  for (let [image] = unusedOf(images, { used, all }); image !== undefined; [image] = unusedOf(images, { used, all })) {
    bytes += ownSize(images, image);
    lines.push(...(await removeWhole(images, image)));
  }
  return { lines, bytes };
}

async function removeWhole(images: Engine["images"], { id, references }: Image): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of references.length > 0 ? references : [id]) {
    for (const line of await images.remove(name)) {
      lines.push("untagged" in line ? `untagged: ${line.untagged}` : `deleted: ${line.deleted}`);
    }
  }
  return lines;
}

function unusedOf(
  images: Engine["images"],
  { used, all }: { readonly used: ReadonlySet<string>; readonly all: boolean },
): readonly Image[] {
  const list = images.list();
  const parents = new Set(list.map(({ parent }) => parent));
  return list.filter(({ id, references }) => !used.has(id) && !parents.has(id) && (all || references.length === 0));
}

function ownSize(images: Engine["images"], { size, parent }: Image): number {
  const below = images.list().find(({ id }) => id === parent);
  return size - (below?.size ?? 0);
}

/** The last line of every `prune`. */
export function reclaimed(bytes: number): string {
  return `Total reclaimed space: ${humanSize(bytes)}\n`;
}
