import { constants } from "node:os";
import { BerthError, messageOf } from "../base/errors.ts";
import type { ChunkedBlob, ChunkReader } from "./chunk-reader.ts";
import type { FuseHandler } from "./fuse-mount.ts";
import {
  attributesAnswer,
  type DirectoryEntry,
  directoryAnswer,
  entryAnswer,
  type FuseAttributes,
  type FuseRequest,
  initAnswer,
  nameIn,
  opcodes,
  readRange,
  statfsAnswer,
  xattrAnswer,
  xattrAsked,
} from "./fuse-protocol.ts";
import type { LayerFile } from "./layer-files.ts";

const { EIO, ENODATA, ENOENT, ENOSYS, ENOTDIR, ERANGE } = constants.errno;

/** A layer that is served: a directory below the root of the file system. */
export interface ServedLayer {
  readonly name: string;
  readonly root: LayerFile;
  readonly source: ChunkedBlob;
}

/** What is served, and who is told what goes wrong. */
export interface ServedTree {
  readonly layers: readonly ServedLayer[];
  readonly reader: Pick<ChunkReader, "read">;
  readonly log: (message: string) => void;
}

interface Served {
  readonly number: number;
  readonly parent: number;
  readonly file: LayerFile;
  readonly source: ChunkedBlob | undefined;
  /** Of a directory: numbers by names. */
  readonly names: ReadonlyMap<string, number> | undefined;
}

const kindBits: Readonly<Record<LayerFile["kind"], number>> = {
  fifo: 0o010000,
  char: 0o020000,
  dir: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
};

/** Answers the kernel's requests about a file system of layers, side by side. All but content is in memory. */
export function treeHandler(tree: ServedTree): FuseHandler {
  const files = numbered(tree.layers);
  return (request) => {
    const { opcode, node, body } = request;
    const served = files[node];
    if (opcode === opcodes.init) return initAnswer(body);
    if (opcode === opcodes.destroy) return Buffer.alloc(0);
    if (opcode === opcodes.statfs) return statfsAnswer({ bytes: totalOf(files), files: files.length });
    if (served === undefined) return ENOENT;
    if (opcode === opcodes.read) return contentOf(tree, served, readRange(body));
    return metadataOf(files, served, request);
  };
}

function metadataOf(files: readonly Served[], served: Served, { opcode, body }: FuseRequest): Buffer | number {
  const { file } = served;
  switch (opcode) {
    case opcodes.lookup: {
      const number = served.names?.get(nameIn(body));
      const found = number === undefined ? undefined : files[number];
      return entryAnswer(found && attributesOf(found));
    }
    case opcodes.getattr:
      return attributesAnswer(attributesOf(served));
    case opcodes.readlink:
      return Buffer.from(file.linkname, "latin1");
    case opcodes.readdir:
      return namesOf(files, served, body);
    case opcodes.getxattr: {
      const value = file.xattrs.get(xattrAsked(body));
      return value === undefined ? ENODATA : xattrAnswer(body, value, ERANGE);
    }
    case opcodes.listxattr:
      return xattrAnswer(body, Buffer.from([...file.xattrs.keys()].map((name) => `${name}\0`).join("")), ERANGE);
    default:
      // The kernel asks no second time.
      return ENOSYS;
  }
}

/** Numbers for files: the root is 1, a file with several names has one number. */
function numbered(layers: readonly ServedLayer[]): readonly Served[] {
  const names = new Map<string, number>();
  const root: Served = { number: 1, parent: 1, file: emptyRoot, source: undefined, names };
  const files: Served[] = [root, root];
  const known = new Map<LayerFile, number>();
  const add = (file: LayerFile, parent: number, source: ChunkedBlob): number => {
    const number = known.get(file) ?? files.length;
    if (number < files.length) return number;
    known.set(file, number);
    const below = file.children === undefined ? undefined : new Map<string, number>();
    files.push({ number, parent, file, source, names: below });
    for (const [name, child] of file.children ?? []) below?.set(name, add(child, number, source));
    return number;
  };
  for (const { name, root: top, source } of layers) names.set(name, add(top, 1, source));
  return files;
}

const emptyRoot: LayerFile = {
  ...{ kind: "dir", mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: new Map(), size: 0, linkname: "" },
  ...{ major: 0, minor: 0, links: 1, chunks: [], whole: undefined, children: new Map() },
};

/** Bytes that a directory is said to have, as on most file systems. */
const directorySize = 4096;

function attributesOf({ number, file }: Served): FuseAttributes {
  const { mtimeNs, links, uid, gid, major, minor } = file;
  const size = file.kind === "dir" ? directorySize : file.size;
  return { node: number, size, mtimeNs, mode: file.mode | kindBits[file.kind], links, uid, gid, major, minor };
}

function namesOf(files: readonly Served[], { number, parent, names }: Served, body: Buffer): Buffer | number {
  if (names === undefined) return ENOTDIR;
  const { offset, size } = readRange(body);
  const all: DirectoryEntry[] = [
    { name: ".", node: number, mode: kindBits.dir },
    { name: "..", node: parent, mode: kindBits.dir },
  ];
  for (const [name, node] of names) all.push({ name, node, mode: kindBits[files[node]?.file.kind ?? "file"] });
  return directoryAnswer(all, offset, size);
}

function totalOf(files: readonly Served[]): number {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}

async function contentOf(
  { reader, log }: ServedTree,
  { file, source }: Served,
  { offset, size }: { readonly offset: number; readonly size: number },
): Promise<Buffer | number> {
  const end = Math.min(offset + size, file.size);
  if (file.whole !== undefined) return file.whole.subarray(offset, end);
  if (source === undefined) return EIO;
  try {
    const chunks = file.chunks.filter((chunk) => chunk.at < end && chunk.at + chunk.size > offset);
    const contents = await Promise.all(
      chunks.map(async (chunk) => {
        const [from, to] = [Math.max(0, offset - chunk.at), Math.min(chunk.size, end - chunk.at)];
        if (chunk.digest === undefined) return Buffer.alloc(to - from);
        return (await reader.read(source, chunk)).subarray(from, to);
      }),
    );
    return Buffer.concat(contents);
  } catch (error) {
    log(`can't read: ${messageOf(error)}${error instanceof BerthError && error.hint ? ` (${error.hint})` : ""}`);
    return EIO;
  }
}
