import { join } from "node:path/posix";
import { textOf } from "../archive/byte-string.ts";
import type { ManifestEntry } from "../archive/manifest.ts";
import { isBefore } from "../archive/walk.ts";
import { chainIDs } from "../oci/digest.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { configDifferences } from "./diff.ts";
import type { Image, ImageDeps } from "./images.ts";
import { firstDifferentByte } from "./same-bytes.ts";

/** Where two images begin to differ. */
export interface FirstDifference {
  /** Number of the layer, from 1, and what made it; absent for what is in the config alone. */
  readonly layer?: number;
  readonly instruction?: string;
  /** Absolute inside the root; absent for the config, and where one image has a layer less. */
  readonly path?: string;
  /** `content`, `modification time`, `Env.PATH`. */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** What counts. */
export interface DifferenceOptions {
  /** Times of files, of the image and of its history. */
  readonly times: boolean;
}

/** The first layer, path and field by which two images differ, layers from the bottom, or else the first setting; undefined when nothing does. */
export async function firstDifference(
  deps: ImageDeps,
  [before, after]: readonly [Configured, Configured],
  options: DifferenceOptions,
): Promise<FirstDifference | undefined> {
  const layers = [before, after].map(({ config }) => chainIDs(config.rootfs.diff_ids));
  const [old = [], now = []] = layers;
  for (let index = 0; index < Math.max(old.length, now.length); index++) {
    const [was, is] = [old[index], now[index]].map((chain) =>
      chain === undefined ? undefined : deps.snapshotter.find(chain),
    );
    if (was?.diffID !== undefined && was.diffID === is?.diffID) continue;
    const found = await inLayer(deps, [was, is], options);
    if (found === undefined) continue;
    return { layer: index + 1, instruction: instructionOf(was === undefined ? after : before, index), ...found };
  }
  return inConfig(before, after, options);
}

/** An image, recorded or not. */
type Configured = Pick<Image, "config">;

type Found = Omit<FirstDifference, "layer" | "instruction">;

async function inLayer(
  { snapshotter }: ImageDeps,
  [before, after]: readonly [Layer | undefined, Layer | undefined],
  { times }: DifferenceOptions,
): Promise<Found | undefined> {
  if (before === undefined || after === undefined)
    return { field: "layer", before: shownLayer(before), after: shownLayer(after) };
  const [old, now] = [await snapshotter.manifest(before), await snapshotter.manifest(after)];
  for (const [a, b] of pairsOf(old, now)) {
    const found = inFile([a, b], times) ?? inContent([before, a], [after, b]);
    if (found !== undefined) return { path: join("/", textOf((a ?? b)?.path ?? "")), ...found };
  }
  // The archives differ in something that no entry shows: how another program wrote them.
  return times ? { field: "archive", before: before.diffID, after: after.diffID } : undefined;
}

/** A file of a layer; undefined where the layer has none of that path. */
type FileOf = readonly [Layer, ManifestEntry | undefined];

function inFile(
  [a, b]: readonly [ManifestEntry | undefined, ManifestEntry | undefined],
  times: boolean,
): Found | undefined {
  if (a === undefined || b === undefined) return { field: "file", before: shownFile(a), after: shownFile(b) };
  const after = new Map(fieldsOf(b).map(({ field, shown }) => [field, shown]));
  const different = fieldsOf(a).find(({ field, shown }) => (times || field !== time) && after.get(field) !== shown);
  return different && { field: different.field, before: different.shown, after: after.get(different.field) ?? "none" };
}

function inContent([before, a]: FileOf, [after, b]: FileOf): Found | undefined {
  if (a?.kind !== "file" || b === undefined) return undefined;
  const at = firstDifferentByte(fileOf(before, a), fileOf(after, b));
  return at && { field: "content", ...at };
}

function fileOf({ path }: Layer, entry: ManifestEntry): string {
  return join(path, textOf(entry.path));
}

const time = "modification time";

interface Field {
  readonly field: string;
  readonly shown: string;
}

function fieldsOf(entry: ManifestEntry): readonly Field[] {
  const { kind, mode, uid, gid, size, target, device, xattrs, mtimeNs } = entry;
  const names = Object.keys(xattrs).toSorted();
  return [
    { field: "kind", shown: kind },
    { field: "target", shown: textOf(target) },
    { field: "device", shown: String(device) },
    // A link has the mode that everybody's has.
    { field: "mode", shown: kind === "symlink" ? "" : mode.toString(8).padStart(4, "0") },
    { field: "owner", shown: `${uid}:${gid}` },
    { field: "extended attributes", shown: names.map((name) => `${name}=${xattrs[name]}`).join(" ") },
    { field: "size", shown: String(size) },
    // Of a file whose content differs too, the content is what matters.
    { field: time, shown: new Date(Number(mtimeNs / 1_000_000n)).toISOString() + nanoseconds(mtimeNs) },
  ];
}

function nanoseconds(time: bigint): string {
  const rest = time % 1_000_000n;
  return rest === 0n ? "" : ` and ${rest} ns`;
}

/** The entries of two manifests, those of one path together. */
function* pairsOf(
  before: Iterable<ManifestEntry>,
  after: Iterable<ManifestEntry>,
): Generator<readonly [ManifestEntry | undefined, ManifestEntry | undefined]> {
  const [left, right] = [before[Symbol.iterator](), after[Symbol.iterator]()];
  let [a, b] = [nextOf(left), nextOf(right)];
  while (a !== undefined || b !== undefined) {
    const isLeft = b === undefined || (a !== undefined && !isBefore(b.path, a.path));
    const isRight = a === undefined || (b !== undefined && !isBefore(a.path, b.path));
    yield [isLeft ? a : undefined, isRight ? b : undefined];
    if (isLeft) a = nextOf(left);
    if (isRight) b = nextOf(right);
  }
}

function nextOf(iterator: Iterator<ManifestEntry>): ManifestEntry | undefined {
  const { done, value } = iterator.next();
  return done === true ? undefined : value;
}

function shownFile(entry: ManifestEntry | undefined): string {
  return entry === undefined ? "missing" : entry.kind;
}

function shownLayer(layer: Layer | undefined): string {
  return layer === undefined ? "missing" : layer.diffID;
}

function instructionOf({ config: { history = [] } }: Configured, index: number): string {
  return history.filter(({ empty_layer }) => empty_layer !== true)[index]?.created_by ?? "";
}

function inConfig(before: Configured, after: Configured, { times }: DifferenceOptions): Found | undefined {
  const [setting] = configDifferences(before.config, after.config);
  if (setting !== undefined)
    return { field: setting.field, before: shownValue(setting.before), after: shownValue(setting.after) };
  const [old, now] = [before, after].map(({ config: { created, history = [] } }) => ({ created, history }));
  const texts = [old, now].map((each) =>
    each?.history.map(({ created, ...line }) => JSON.stringify(times ? { created, ...line } : line)),
  );
  const [was = [], is = []] = texts;
  const line = was.findIndex((text, index) => is[index] !== text);
  if (line >= 0 || was.length !== is.length)
    return { field: `history ${line < 0 ? was.length + 1 : line + 1}`, before: was[line] ?? "", after: is[line] ?? "" };
  if (times && old?.created !== now?.created)
    return { field: "created", before: old?.created ?? "", after: now?.created ?? "" };
  return undefined;
}

function shownValue(value: unknown): string {
  if (value === undefined) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}
