import { type BigIntStats, closeSync, constants, openSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { crc32, zstdCompress, zstdDecompress, zstdDecompressSync } from "node:zlib";
import { BerthError, codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, bytesOf, pathOf, textOf } from "./byte-string.ts";
import { crcWithZeros, polynomial, timesX } from "./crc.ts";
import { type FileKind, kindOf } from "./file-kind.ts";
import { type WalkedFile, walk } from "./walk.ts";
import { isOpaque, isWhiteout, opaqueXattr } from "./whiteout.ts";
import { formatXattrs, listXattrs, readXattrs, type StoredXattrs } from "./xattrs.ts";

/** A file of a layer's directory, as it was when the layer was committed. */
export interface ManifestEntry {
  /** Relative to the directory; empty for the directory itself. */
  readonly path: ByteString;
  /** `link` for a further name of a file that came before. */
  readonly kind: FileKind | "link";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for all but regular files. */
  readonly size: number;
  /** Nanoseconds since the epoch; 0 for the directory itself. */
  readonly mtimeNs: bigint;
  /** CRC-32 of a regular file's content, 0 for others: it says which file is damaged; that a layer is whole says its diffID. */
  readonly crc: number;
  /** Of a symbolic link what it says; of a `link` the first name. */
  readonly target: ByteString;
  /** Of a device: its number. */
  readonly device: number;
  /** Portable extended attributes, and the one that makes a directory opaque; values in base64. */
  readonly xattrs: StoredXattrs;
}

/** True for an entry that deletes what lower layers have at its path. */
export function isWhiteoutEntry({ kind, device }: ManifestEntry): boolean {
  return kind === "char" && device === 0;
}

/** True for a directory's entry that hides what lower layers have in it. */
export function isOpaqueEntry({ xattrs }: ManifestEntry): boolean {
  return xattrs[opaqueXattr] !== undefined;
}

/** First line of a manifest. After it, one JSON array per file, in the order of a walk; zstd around all. */
const magic = "berth manifest 1";

const newline = 10;

/** Most bytes of a manifest, decompressed: some millions of files. */
const manifestLimit = 1 << 30;

/** Bytes of a manifest that are made of text, or made text, at once. */
const textAtOnce = 1 << 16;

/** Files between two turns of the event loop. */
const filesPerTurn = 500;

/** Collects what a layer's directory holds, one file after the other, and writes it as one file. */
export class ManifestRecorder {
  /** Lines as they are written, and those that are to follow: as text they would take several times as much. */
  readonly #written: Buffer[] = [];
  #text = `${magic}\n`;

  add(entry: ManifestEntry): void {
    const { path, kind, mode, uid, gid, mtimeNs, size, crc, target, device, xattrs } = entry;
    const more = Object.keys(xattrs).length > 0 ? [size, crc, target, device, xattrs] : shortened(entry);
    this.#text += `${JSON.stringify([path, kind, mode, uid, gid, String(mtimeNs), ...more])}\n`;
    if (this.#text.length >= textAtOnce) this.#flush();
  }

  /** Write the manifest; it isn't synced. */
  async write(path: string): Promise<void> {
    this.#flush();
    await writeFile(path, await promisify(zstdCompress)(Buffer.concat(this.#written)), { mode: 0o600 });
  }

  #flush(): void {
    this.#written.push(Buffer.from(this.#text));
    this.#text = "";
  }
}

/** What a file without extended attributes has behind its time: most have nothing. */
function shortened({ size, crc, target, device }: ManifestEntry): readonly unknown[] {
  if (device > 0) return [size, crc, target, device];
  if (target !== "") return [size, crc, target];
  return size > 0 ? [size, crc] : [];
}

/** Have a manifest say something else of some files that it has. */
export async function amendManifest(path: string, entries: readonly ManifestEntry[]): Promise<void> {
  const amended = new Map(entries.map((entry) => [entry.path, entry]));
  const recorder = new ManifestRecorder();
  for (const entry of await readManifest(path)) recorder.add(amended.get(entry.path) ?? entry);
  await recorder.write(path);
}

/** Read a manifest. @throws {BerthError} data-loss, when it is damaged; whatever reading a file throws */
export async function readManifest(path: string): Promise<readonly ManifestEntry[]> {
  return [...(await openManifest(path))];
}

/**
 * The same, an entry at a time, as often as it is gone through: of what it holds only the text is in memory. What is wrong with
 * a line is told when it comes.
 */
export async function openManifest(path: string): Promise<Iterable<ManifestEntry>> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw asDamaged(path, error);
  });
  const text = await promisify(zstdDecompress)(bytes, { maxOutputLength: manifestLimit }).catch((error: unknown) => {
    throw damaged(path, error);
  });
  return entriesIn(path, text);
}

/** The same for whoever can't wait. */
export function openManifestSync(path: string): Iterable<ManifestEntry> {
  const bytes = readBytes(path);
  let text: Buffer;
  try {
    text = zstdDecompressSync(bytes, { maxOutputLength: manifestLimit });
  } catch (error) {
    throw damaged(path, error);
  }
  return entriesIn(path, text);
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw asDamaged(path, error);
  }
}

/** A directory in a manifest's place is no manifest. */
function asDamaged(path: string, error: unknown): unknown {
  return codeOf(error) === "EISDIR" ? damaged(path, error) : error;
}

function entriesIn(path: string, text: Buffer): Iterable<ManifestEntry> {
  const head = text.indexOf(newline);
  if (text.toString("latin1", 0, Math.max(head, 0)) !== magic || text.at(-1) !== newline) throw damaged(path);
  return { [Symbol.iterator]: () => parseLines(path, text.subarray(head + 1)) };
}

function* parseLines(path: string, text: Buffer): Generator<ManifestEntry> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf(newline, Math.min(at + textAtOnce, text.length - 1));
    for (const line of text.toString("utf8", at, end).split("\n")) {
      let entry: ManifestEntry;
      try {
        entry = parseLine(line);
      } catch (error) {
        throw damaged(path, error);
      }
      yield entry;
    }
    at = end + 1;
  }
}

function damaged(path: string, cause?: unknown): BerthError {
  return new BerthError("data-loss", `${path} is damaged`, {
    hint: "berth system check --repair writes it again when the layer is whole.",
    cause,
  });
}

function parseLine(line: string): ManifestEntry {
  const [path, kind, mode, uid, gid, mtime, size = 0, crc = 0, target = "", device = 0, xattrs = {}] = JSON.parse(
    line,
  ) as [ByteString, ManifestEntry["kind"], number, number, number, string, ...Partial<Rest>];
  return { path, kind, mode, uid, gid, mtimeNs: BigInt(mtime), size, crc, target, device, xattrs };
}

type Rest = [size: number, crc: number, target: ByteString, device: number, xattrs: StoredXattrs];

/** What a walk doesn't tell of a file. */
interface EntryDetails extends Attributes {
  /** First name of a file that has several, where this is another. */
  readonly first: ByteString | undefined;
  readonly crc: number;
}

/** What the extended attributes of a file say. */
export interface Attributes {
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** True for a directory that hides what is below it. */
  readonly opaque: boolean;
}

/** Read the extended attributes of a file of a layer. */
export function attributesOf(syscalls: Syscalls, { path, stats }: WalkedFile): Attributes {
  const names = listXattrs(syscalls, path);
  const opaque = stats.isDirectory() && names.includes(opaqueXattr) && isOpaque(syscalls, path);
  return { xattrs: readXattrs(syscalls, path, names), opaque };
}

/** The entry of a file that a walk came by. */
export function entryOf({ name, path, stats }: WalkedFile, details: EntryDetails): ManifestEntry {
  const kind = kindOf(stats);
  const isLink = details.first !== undefined;
  const xattrs = formatXattrs(details.xattrs);
  return {
    path: name,
    kind: isLink ? "link" : kind,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: kind === "file" && !isLink ? Number(stats.size) : 0,
    mtimeNs: name === "" ? 0n : stats.mtimeNs,
    crc: isLink ? 0 : details.crc,
    target: details.first ?? (kind === "symlink" ? readlinkSync(pathOf(path), "latin1") : ""),
    device: kind === "char" || kind === "block" ? Number(stats.rdev) : 0,
    xattrs: details.opaque ? { ...xattrs, [opaqueXattr]: "eQ==" } : xattrs,
  };
}

/** How {@link observe} finds out what a file holds. */
export interface ObserveOptions {
  readonly syscalls: Syscalls;
  /** The CRC-32 of a file's content, by its path, where that is known; the file is read otherwise. */
  readonly sum?: (path: ByteString, size: number) => number | undefined;
}

/** What a layer's directory holds now. Sockets are left out, as they are no part of a layer. */
export async function* observe(directory: string, options: ObserveOptions): AsyncGenerator<ManifestEntry> {
  const { syscalls, sum } = options;
  const names = new Map<bigint, ByteString>();
  let files = 0;
  for (const file of walk(bytesOf(directory), options)) {
    if (++files % filesPerTurn === 0) await turn();
    const { name, path, stats } = file;
    if (stats.isSocket()) continue;
    const hasNames = mayHaveNames(stats);
    const first = hasNames ? names.get(stats.ino) : undefined;
    if (hasNames && first === undefined) names.set(stats.ino, name);
    const isRead = stats.isFile() && first === undefined && stats.size > 0n;
    yield entryOf(file, {
      first,
      crc: isRead ? (sum?.(name, Number(stats.size)) ?? (await checksumAmongOthers(path))) : 0,
      ...attributesOf(syscalls, file),
    });
  }
}

/** Overlayfs makes whiteouts as names of one file; they have nothing to do with each other. */
function mayHaveNames(stats: BigIntStats): boolean {
  return stats.nlink > 1n && !stats.isDirectory() && !isWhiteout(stats);
}

/** Used for one file after the other: one of its own for each would be most of what reading a small file costs. */
const readBuffer = Buffer.allocUnsafeSlow(1 << 20);

/** CRC-32 of a regular file's content. */
export function checksum(path: ByteString): number {
  const summing = checksumByTurns(path);
  for (;;) {
    const { done, value } = summing.next();
    if (done === true) return value;
  }
}

/** Pieces of a file after which others get a turn. */
const piecesPerTurn = 64;

/** The same, with a yield where others may have a turn. A piece is done with by then: all files share one buffer. */
function* checksumByTurns(path: ByteString): Generator<undefined, number> {
  const fd = openSync(pathOf(path), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let crc = 0;
    let pieces = 0;
    for (let read = readSync(fd, readBuffer); read > 0; read = readSync(fd, readBuffer)) {
      crc = crc32(readBuffer.subarray(0, read), crc);
      if (++pieces % piecesPerTurn === 0) yield;
    }
    return crc;
  } finally {
    closeSync(fd);
  }
}

async function checksumAmongOthers(path: ByteString): Promise<number> {
  const summing = checksumByTurns(path);
  for (;;) {
    const { done, value } = summing.next();
    if (done === true) return value;
    await turn();
  }
}

/**
 * Where the one bit lies that makes a content of `size` bytes have the checksum `found` and not `expected`: a CRC says so, as each
 * bit changes it in another way. Counted from the end of the content, 0 for the last bit; undefined when it is no single bit.
 */
export function flippedBit(
  { size, crc: expected }: Pick<ManifestEntry, "size" | "crc">,
  found: number,
): number | undefined {
  const change = (expected ^ found) >>> 0;
  // What a change of the last bit does to the checksum; each bit before it is one step further.
  let effect = polynomial;
  for (let bit = 0; bit < size * 8; bit++) {
    if (effect === change) return bit;
    effect = timesX(effect);
  }
  return undefined;
}

/** The checksums of files that are written piece by piece, each from its beginning to its end. */
export class ContentSums {
  readonly #sums: Map<ByteString, { crc: number; at: number }> = new Map();

  /** A piece of the file at `path`; what was left out before it is a hole. */
  add(path: ByteString, chunk: Buffer, offset: number): void {
    const known = this.#sums.get(path);
    const sum = known === undefined || offset < known.at ? { crc: 0, at: 0 } : known;
    this.#sums.set(path, { crc: crc32(chunk, afterHole(sum, offset)), at: offset + chunk.length });
  }

  /** The checksum of a file of `size` bytes; undefined for one that wasn't written, or was longer. */
  get(path: ByteString, size: number): number | undefined {
    const sum = this.#sums.get(path) ?? { crc: 0, at: 0 };
    return this.#sums.has(path) && sum.at <= size ? afterHole(sum, size) : undefined;
  }
}

function afterHole({ crc, at }: { readonly crc: number; readonly at: number }, end: number): number {
  return crcWithZeros(crc, Math.max(0, end - at));
}

/** What a file was and what it is, where they differ. */
export interface Difference {
  readonly path: ByteString;
  /** What differs, for people: `content`, `mode 0644, not 0600`, `missing`, `not part of the layer`. */
  readonly what: string;
  /** Undefined where nothing belongs. */
  readonly expected: ManifestEntry | undefined;
  /** Undefined where there is nothing. */
  readonly found: ManifestEntry | undefined;
}

/** What of a file is not as it was; empty when all is. */
export function differences(expected: ManifestEntry, found: ManifestEntry): readonly string[] {
  if (expected.kind !== found.kind) return [`${found.kind}, not ${expected.kind}`];
  const [was, is] = [expected, found];
  const isFile = expected.kind === "file";
  return [
    ...(was.target === is.target ? [] : [`leads to ${textOf(is.target)}, not ${textOf(was.target)}`]),
    ...(was.device === is.device ? [] : ["device number"]),
    ...(isFile && was.size !== is.size ? [`${is.size} bytes, not ${was.size}`] : []),
    ...(isFile && was.size === is.size && was.crc !== is.crc ? ["content"] : []),
    ...(was.mode === is.mode || was.kind === "symlink" ? [] : [`mode ${octal(is.mode)}, not ${octal(was.mode)}`]),
    ...(was.uid === is.uid && was.gid === is.gid ? [] : [`owner ${is.uid}:${is.gid}, not ${was.uid}:${was.gid}`]),
    ...(was.mtimeNs === is.mtimeNs ? [] : ["modification time"]),
    ...(sameXattrs(was.xattrs, is.xattrs) ? [] : ["extended attributes"]),
  ];
}

function sameXattrs(a: ManifestEntry["xattrs"], b: ManifestEntry["xattrs"]): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");
