import { createReadStream, createWriteStream, fstatSync, lstatSync, readSync, realpathSync } from "node:fs";
import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { bytesOf, textOf } from "../archive/byte-string.ts";
import { compressionOf, decompress } from "../archive/decompress.ts";
import { FreeSpace } from "../archive/free-space.ts";
import { readTar } from "../archive/tar-entries.ts";
import { blockSize, type TarHeader } from "../archive/tar-header.ts";
import { TarParser } from "../archive/tar-reader.ts";
import type { TempDir } from "../base/disposal.ts";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";

/** Where images are loaded from: the path of an archive or of an OCI layout's directory, or an archive that streams in. */
export type ArchiveSource = string | AsyncIterable<Uint8Array>;

/** The regular files of an archive, in any order. Names are relative, links in them followed. */
export interface ArchiveFiles extends AsyncDisposable {
  /** Bytes; undefined where there is no such file. */
  size(name: string): Promise<number | undefined>;
  /** The bytes of a file. @throws {BerthError} invalid-argument, where there is none */
  open(name: string): AsyncIterable<Uint8Array>;
  /** Say that a file isn't needed any more. */
  release(name: string): Promise<void>;
}

const readSize = 1 << 20;

/**
 * Open the files of an archive. A tar archive in a file, not compressed, is read where it lies; any other is written to a
 * `scratch` directory first, for which manifests may come after what they name.
 *
 * @throws {BerthError} invalid-argument, for what is no tar archive or is cut off
 */
export async function openArchiveFiles(source: ArchiveSource, scratch: () => Promise<TempDir>): Promise<ArchiveFiles> {
  if (typeof source !== "string") return await stage(source, scratch);
  if ((await stat(source)).isDirectory()) return directoryFiles(source);
  await using stack = new AsyncDisposableStack();
  const file = stack.use(await open(source, "r"));
  const index = isPlain(file) ? indexTar(file.fd) : undefined;
  if (index === undefined) return await stage(createReadStream(source, { highWaterMark: readSize }), scratch);
  const owned = stack.move();
  return indexedFiles(index, {
    read: ({ at, size }) => readRange(file, at, size),
    release: async () => undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** Where a file's bytes are. */
interface Place {
  readonly at: number;
  readonly size: number;
}

type Index = Map<string, Place | { readonly link: string }>;

interface Backing extends AsyncDisposable {
  read(place: Place): AsyncIterable<Uint8Array>;
  release(place: Place): Promise<void>;
}

function isPlain(file: FileHandle): boolean {
  if (!fstatSync(file.fd).isFile()) return false;
  const head = Buffer.alloc(8);
  readSync(file.fd, head, 0, head.length, 0);
  return compressionOf(head) === "none";
}

/** Where the files of a tar archive lie in it; undefined when one of them isn't there in one piece (a sparse file). */
function indexTar(fd: number): Index | undefined {
  const index: Index = new Map();
  const length = fstatSync(fd).size;
  const block = Buffer.alloc(blockSize);
  let header: TarHeader | undefined;
  const parser = new TarParser({ entry: (entry) => (header = entry), data: () => {}, end: () => {} });
  for (let at = 0; ; ) {
    const read = readSync(fd, block, 0, blockSize, at);
    if (read === 0 || parser.isEnded) break;
    header = undefined;
    parser.write(block.subarray(0, read));
    at += read;
    const entry = header as TarHeader | undefined;
    if (entry === undefined) continue;
    if (parser.contentLeft !== entry.size) return undefined;
    if (at + entry.size > length) break;
    note(index, entry, at);
    at += parser.skipContent();
  }
  parser.end();
  return index;
}

function note(index: Index, header: TarHeader, at: number): void {
  const name = clean(textOf(header.name));
  if (header.type === "file") index.set(name, { at, size: header.size });
  else if (header.type === "link") index.set(name, { link: clean(textOf(header.linkname)) });
  else if (header.type === "symlink")
    index.set(name, { link: clean(posix.join("/", posix.dirname(name), textOf(header.linkname))) });
  if (index.size > limits.imageFiles) throw tooMany();
}

function tooMany(): BerthError {
  return new BerthError("invalid-argument", `the archive has more than ${limits.imageFiles} files`, {
    hint: "An archive of images has a few files a layer. Where it is a file system's: berth import.",
  });
}

/** By single reads: a stream would leave a listener at the handle, and close it when no more than the beginning is wanted. */
async function* readRange(file: FileHandle, at: number, size: number): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < size; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(readSize, size - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at + done);
    if (bytesRead === 0) return;
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function stage(source: AsyncIterable<Uint8Array>, scratch: () => Promise<TempDir>): Promise<ArchiveFiles> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await scratch());
  const pathOf = ({ at }: Place): string => join(directory.path, String(at));
  const index: Index = new Map();
  const free = new FreeSpace(bytesOf(directory.path));
  let files = 0;
  for await (const { header, body } of readTar(decompress(source))) {
    const at = files++;
    // Also those of one name, which the index has once: each is written.
    if (at >= limits.imageFiles) throw tooMany();
    note(index, header, at);
    free.announce(header.name, header.size);
    if (header.type === "file") await pipeline(body, createWriteStream(pathOf({ at, size: 0 }), { mode: 0o600 }));
  }
  const owned = stack.move();
  return indexedFiles(index, {
    read: (place) => createReadStream(pathOf(place), { highWaterMark: readSize }),
    release: (place) => rm(pathOf(place), { force: true }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

function indexedFiles(index: Index, backing: Backing): ArchiveFiles {
  const find = (name: string): Place | undefined => {
    let found = index.get(clean(name));
    for (let links = 0; found !== undefined && "link" in found; links++) {
      found = links < limits.imageLinks ? index.get(found.link) : undefined;
    }
    return found;
  };
  return {
    size: async (name) => find(name)?.size,
    open: (name) => {
      const place = find(name);
      if (place === undefined) throw missing(name);
      return backing.read(place);
    },
    release: async (name) => {
      const place = find(name);
      if (place !== undefined) await backing.release(place);
    },
    [Symbol.asyncDispose]: () => backing[Symbol.asyncDispose](),
  };
}

function directoryFiles(directory: string): ArchiveFiles {
  const root = realpathSync(directory);
  // Only a file that no link leads to: as root, berth could read any.
  const pathOf = (name: string): string => join(root, clean(name));
  const isInside = (name: string): boolean => {
    const parent = dirname(pathOf(name));
    return lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() === true && realpathSync(parent) === parent;
  };
  return {
    size: async (name) => {
      if (!isInside(name)) return undefined;
      const stats = lstatSync(pathOf(name), { throwIfNoEntry: false });
      return stats?.isFile() === true ? stats.size : undefined;
    },
    open: (name) => createReadStream(pathOf(name), { highWaterMark: readSize }),
    release: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** No name leads out: `..` stops at the top. */
function clean(name: string): string {
  return posix.join("/", name).slice(1);
}

/** The error for a file that an archive speaks of and doesn't have. */
export function missing(name: string): BerthError {
  return new BerthError("invalid-argument", `invalid archive: open ${name}: no such file or directory`);
}
