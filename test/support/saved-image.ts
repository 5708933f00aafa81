import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename, join } from "node:path/posix";
import { readTar } from "../../src/archive/tar-entries.ts";
import type { TarHeader } from "../../src/archive/tar-header.ts";
import type { ImageConfig } from "../../src/oci/image-config.ts";

/** A file of an archive with its content. */
interface Entry {
  readonly header: TarHeader;
  readonly content: Buffer;
}

/** Longest content, bytes, that a line shows as text: a difference is to be read at once. */
const shownContent = 200;

/** An image as `save` writes it. */
export interface SavedImage {
  /** The image config. */
  readonly config: ImageConfig;
  /**
   * Of each layer, the lowest first, the lines of its files, sorted. A line has everything that an archive tells of a file:
   * path, type and mode, owner, time, content, link target, device, extended attributes, and how many names it has.
   */
  readonly layers: readonly (readonly string[])[];
}

/**
 * Read what `save` wrote.
 *
 * @param archive its path; it has one image
 * @param since files that were changed at this moment or later, in seconds since the epoch, have the time `now`
 */
export async function savedImage(archive: string, since: number): Promise<SavedImage> {
  const files = new Map((await entriesOf(createReadStream(archive))).map((entry) => [entry.header.name, entry]));
  const [image] = JSON.parse(contentAt(files, "manifest.json").toString());
  const layers = image.Layers.map(async (path: string) => linesOf(await entriesOf([contentAt(files, path)]), since));
  return { config: JSON.parse(contentAt(files, image.Config).toString()), layers: await Promise.all(layers) };
}

/** Docker writes a layer that it has twice as a symbolic link to the first. */
function contentAt(files: ReadonlyMap<string, Entry>, path: string): Buffer {
  const entry = files.get(path);
  if (entry === undefined) throw new Error(`the saved image has no ${path}`);
  const { type, linkname } = entry.header;
  return type === "symlink" ? contentAt(files, join(path, "..", linkname)) : entry.content;
}

async function entriesOf(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const { header, body } of readTar(chunksOf(source))) {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    entries.push({ header, content: Buffer.concat(chunks) });
  }
  return entries;
}

async function* chunksOf(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* source;
}

/** A file of a layer under all of its names. */
interface NamedFile {
  readonly description: string;
  readonly paths: string[];
}

function linesOf(entries: readonly Entry[], since: number): readonly string[] {
  const files = new Map<string, NamedFile>();
  for (const entry of entries) {
    const { name, type, linkname } = entry.header;
    const path = join("/", name);
    // The root itself is in the archives of one and not of the other, and says nothing.
    if (path === "/") continue;
    if (files.has(path)) throw new Error(`${path} is in the layer twice`);
    const file = type === "link" ? files.get(join("/", linkname)) : { description: described(entry, since), paths: [] };
    if (file === undefined) throw new Error(`${name} is a hard link to ${linkname}, which comes later or never`);
    file.paths.push(path);
    files.set(path, file);
  }
  return [...files].map(([path, file]) => `${path} ${file.description}${otherNames(path, file.paths)}`).sort();
}

function described({ header, content }: Entry, since: number): string {
  const { name, type, mode, uid, gid, linkname, major, minor, xattrs } = header;
  if (basename(name).startsWith(".wh.")) return "whiteout";
  // Docker's archives have whole seconds.
  const seconds = Number(header.mtimeNs / 1_000_000_000n);
  const words = [type, mode.toString(8), `${uid}:${gid}`, seconds >= since ? "now" : String(seconds)];
  if (type === "file") words.push(content.length > shownContent ? digested(content) : JSON.stringify(`${content}`));
  if (type === "symlink") words.push(`-> ${linkname}`);
  if (type === "char" || type === "block") words.push(`${major},${minor}`);
  for (const [name, value] of [...xattrs].sort()) words.push(`${name}=${value.toString("hex")}`);
  return words.join(" ");
}

function digested(content: Buffer): string {
  return `${content.length} bytes ${createHash("sha256").update(content).digest("hex").slice(0, 16)}`;
}

/** The number of names, and the first of them, which is the same for all. */
function otherNames(path: string, names: readonly string[]): string {
  if (names.length < 2) return "";
  const [first] = [...names].sort();
  return ` ${names.length} names${first === path ? "" : `, as ${first}`}`;
}
