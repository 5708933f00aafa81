import { createInterface } from "node:readline/promises";
import { humanSize } from "../../base/human-size.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Filter, hasLabel, requireKnown, switchOf, untilOf } from "../flags/filter.ts";
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

/** What filters of a `prune` leave: label, label!, until. @throws {BerthError} invalid-argument, in Docker's words */
function pruneFilter(given: readonly Filter[]): ((subject: Prunable) => boolean) | undefined {
  requireKnown(given, ["label", "label!", "until"]);
  if (given.length === 0) return undefined;
  const until = untilOf(given);
  const valuesOf = (wanted: string): readonly string[] =>
    given.filter(({ name }) => name === wanted).map(({ value }) => value);
  const [wanted, unwanted] = [valuesOf("label"), valuesOf("label!")];
  return ({ created, labels }) => {
    if (until !== undefined && (created === undefined || Date.parse(created) > until)) return false;
    if (!wanted.every((label) => hasLabel(labels, label))) return false;
    return unwanted.length === 0 || !unwanted.every((label) => hasLabel(labels, label));
  };
}

/** What a filter of a `prune` asks of an object. */
export interface Prunable {
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** What {@link pruneContainers} did. */
export interface PrunedContainers {
  readonly ids: readonly string[];
  readonly bytes: number;
}

/** Remove every container that isn't running. */
export async function pruneContainers(
  { containers }: Engine,
  given: readonly Filter[] = [],
): Promise<PrunedContainers> {
  const fits = pruneFilter(given);
  const stopped = (await containers.list()).filter(({ state, created, config }) => {
    const isStopped = state.status === "created" || state.status === "exited";
    return isStopped && (fits === undefined || fits({ created, labels: config.Labels }));
  });
  const sizes = new Map<string, number>();
  for (const { id } of stopped) sizes.set(id, (await containers.size(id)).rw);
  const ids = await containers.removeStopped([...sizes.keys()]);
  return { ids, bytes: ids.reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0) };
}

/** What {@link pruneImages} takes. */
export interface PruneImagesOptions {
  readonly all: boolean;
  readonly given?: readonly Filter[];
}

/** Remove the images that nothing uses. @returns the lines that are printed of it, and the bytes freed */
export async function pruneImages(
  { images }: Engine,
  { all, given = [] }: PruneImagesOptions,
): Promise<{ readonly lines: readonly string[]; readonly bytes: number }> {
  const fits = pruneFilter(given.filter(({ name }) => name !== "dangling"));
  const pruned = await images.prune({
    // As Docker's client does, which sends its own value besides those that are given.
    all: !switchOf([...given, { name: "dangling", value: String(!all) }], "dangling", !all),
    ...(fits === undefined ? {} : { fits: ({ created, config }) => fits({ created, labels: config.config?.Labels }) }),
  });
  const lines = pruned.lines.map((line) =>
    "untagged" in line ? `untagged: ${line.untagged}` : `deleted: ${line.deleted}`,
  );
  return { lines, bytes: pruned.bytes };
}

/** Remove the anonymous volumes that no container has. */
export async function pruneVolumes({
  containers,
  volumes,
  owners,
}: Engine): Promise<{ readonly names: readonly string[]; readonly bytes: number }> {
  const used = new Set((await containers.list()).flatMap(({ config }) => config.mounts.map(({ name }) => name)));
  const unused = volumes.list().filter(({ name, anonymous }) => anonymous && !used.has(name));
  if (unused.length === 0) return { names: [], bytes: 0 };
  const names = unused.map(({ name }) => name);
  const sizes = (await owners()).filter(({ kind, owner }) => kind === "volume" && names.includes(owner));
  for (const name of names) await volumes.remove(name, { force: true });
  return { names, bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** The last line of every `prune`. */
export function reclaimed(bytes: number): string {
  return `Total reclaimed space: ${humanSize(bytes)}\n`;
}
