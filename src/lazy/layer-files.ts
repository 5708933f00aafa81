import type { ByteString } from "../archive/byte-string.ts";
import { splitName } from "../archive/safe-path.ts";
import { noXattrs } from "../archive/tar-header.ts";
import { opaqueName, opaqueXattr, whiteoutPrefix } from "../archive/whiteout.ts";
import { BerthError } from "../base/errors.ts";
import type { Chunk, TocEntry, TocKind } from "./toc.ts";

/** What a directory that isn't listed has of its namesake in a lower layer. */
export type Attributes = Pick<LayerFile, "mode" | "uid" | "gid" | "mtimeNs" | "xattrs">;

/** A file of a layer in overlayfs's form, as it will lie in the store. */
export interface LayerFile {
  readonly kind: Exclude<TocKind, "link">;
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  xattrs: ReadonlyMap<string, Buffer>;
  /** Bytes of a file's content, or of what a link says. */
  readonly size: number;
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
  /** Names that it has. */
  links: number;
  /** Where the content is; what holds it otherwise is in `whole`. */
  readonly chunks: readonly Chunk[];
  readonly whole: Buffer | undefined;
  /** Of a directory. */
  readonly children: Map<ByteString, LayerFile> | undefined;
}

/**
 * The files of a layer, as unpacking its archive would make them: whiteouts and opaque directories in overlayfs's form, directories
 * that aren't listed with what lower layers say of them.
 *
 * @param below what a lower layer has at a clean path, where that is a directory
 * @returns the root
 * @throws {BerthError} invalid-argument, for what only an ordinary pull can unpack
 */
export function layerFiles(
  { entries, whole }: { readonly entries: readonly TocEntry[]; readonly whole: ReadonlyMap<TocEntry, Buffer> },
  below: (path: ByteString) => Attributes | undefined,
): LayerFile {
  const layer = new Layer(whole);
  for (const entry of entries) layer.place(entry);
  return layer.finish(below);
}

const whiteoutDevice = { kind: "char", major: 0, minor: 0 } as const;
const root: Attributes = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n, xattrs: noXattrs };

/** True for a file that deletes its namesake below. */
function isWhiteout({ kind, major, minor }: LayerFile): boolean {
  return kind === "char" && major === 0 && minor === 0;
}

/** True for a directory that hides what is below it. */
export function isOpaque({ xattrs }: LayerFile): boolean {
  return xattrs.has(opaqueXattr);
}

class Layer {
  readonly #root: LayerFile = directory(root);
  readonly #whole: ReadonlyMap<TocEntry, Buffer>;
  /** Directories that no entry lists. */
  readonly #implied: Map<LayerFile, ByteString> = new Map([[this.#root, ""]]);

  constructor(whole: ReadonlyMap<TocEntry, Buffer>) {
    this.#whole = whole;
  }

  place(entry: TocEntry): void {
    if (entry.name === "") this.#list(this.#root, entry);
    else this.#placeBelow(entry);
  }

  #placeBelow(entry: TocEntry): void {
    const [parent, last] = splitName(entry.name);
    const directory = this.#directory(parent, entry);
    const place = childrenOf(directory, parent);
    if (last.startsWith(whiteoutPrefix)) this.#whiteout(directory, last);
    else if (entry.kind === "dir") this.#makeDirectory(place, last, entry);
    else if (entry.kind === "link") this.#link(place, last, entry);
    else {
      forget(place.get(last));
      place.set(last, fileOf(entry, this.#whole.get(entry)));
    }
  }

  finish(below: (path: ByteString) => Attributes | undefined): LayerFile {
    for (const [file, path] of this.#implied) {
      const attributes = below(path);
      if (attributes === undefined) continue;
      const { mode, uid, gid, mtimeNs, xattrs } = attributes;
      Object.assign(file, { mode, uid, gid, mtimeNs, xattrs: new Map([...xattrs, ...file.xattrs]) });
    }
    return this.#root;
  }

  #list(file: LayerFile, { kind, mode, uid, gid, mtimeNs, xattrs, name }: TocEntry): void {
    if (kind !== "dir") throw notPlain(name);
    this.#implied.delete(file);
    // What was set for lower layers' sake stays.
    Object.assign(file, { mode, uid, gid, mtimeNs, xattrs: isOpaque(file) ? withOpaque(xattrs) : xattrs });
  }

  #makeDirectory(place: Map<ByteString, LayerFile>, last: ByteString, entry: TocEntry): void {
    const there = place.get(last);
    if (there?.kind === "dir") {
      this.#list(there, entry);
      return;
    }
    const made = directory(entry);
    // In place of what this layer deletes it must not show the deleted one's content.
    if (there !== undefined && isWhiteout(there)) made.xattrs = withOpaque(made.xattrs);
    forget(there);
    place.set(last, made);
  }

  #link(place: Map<ByteString, LayerFile>, last: ByteString, { name, linkname }: TocEntry): void {
    const [parent, file] = splitName(linkname);
    const target = this.#find(parent)?.children?.get(file);
    if (target === undefined || target.kind === "dir" || isWhiteout(target)) throw notPlain(name);
    if (place.get(last) === target) return;
    forget(place.get(last));
    target.links++;
    place.set(last, target);
  }

  #whiteout(parent: LayerFile, last: ByteString): void {
    if (last === opaqueName) {
      parent.xattrs = withOpaque(parent.xattrs);
      return;
    }
    const hidden = last.slice(whiteoutPrefix.length);
    // Notes of the aufs file system, which Docker passes over.
    if (hidden.startsWith(whiteoutPrefix)) return;
    if (hidden === "" || hidden === "." || hidden === "..") throw notPlain(last);
    const place = childrenOf(parent, hidden);
    const there = place.get(hidden);
    if (there === undefined) place.set(hidden, { ...directory(root), ...whiteoutDevice, mode: 0, children: undefined });
    else if (there.kind === "dir") there.xattrs = withOpaque(there.xattrs);
  }

  /** A directory, made with those above it where it isn't listed before what is in it. */
  #directory(path: ByteString, { mtimeNs }: TocEntry): LayerFile {
    let at = this.#root;
    let name: ByteString = "";
    for (const part of path === "" ? [] : path.split("/")) {
      const place = childrenOf(at, path);
      name = name === "" ? part : `${name}/${part}`;
      let next = place.get(part);
      if (next === undefined) {
        next = directory({ ...root, mtimeNs });
        this.#implied.set(next, name);
        place.set(part, next);
      }
      at = next;
    }
    childrenOf(at, path);
    return at;
  }

  #find(path: ByteString): LayerFile | undefined {
    return fileAt(this.#root, path);
  }
}

/** The file at a clean path of a layer, no link followed. */
export function fileAt(from: LayerFile, path: ByteString): LayerFile | undefined {
  let at: LayerFile | undefined = from;
  for (const part of path === "" ? [] : path.split("/")) at = at?.children?.get(part);
  return at;
}

function directory({ mode, uid, gid, mtimeNs, xattrs }: Attributes): LayerFile {
  const none = { size: 0, linkname: "", major: 0, minor: 0, chunks: [], whole: undefined };
  return { kind: "dir", mode, uid, gid, mtimeNs, xattrs, ...none, links: 1, children: new Map() };
}

function fileOf(entry: TocEntry, whole: Buffer | undefined): LayerFile {
  const { kind, mode, uid, gid, mtimeNs, xattrs, linkname, major, minor, chunks } = entry;
  if (kind === "link" || kind === "dir") throw notPlain(entry.name);
  const size = kind === "symlink" ? linkname.length : entry.size;
  const attributes = { kind, mode: kind === "symlink" ? 0o777 : mode, uid, gid, mtimeNs, xattrs };
  return { ...attributes, size, linkname, major, minor, chunks, whole, links: 1, children: undefined };
}

function withOpaque(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  return new Map([...xattrs, [opaqueXattr, Buffer.from("y")]]);
}

/** Say that a name of a file is gone. */
function forget(file: LayerFile | undefined): void {
  if (file !== undefined) file.links--;
}

/** @throws {BerthError} invalid-argument, when something else, as a link, is in the place of a directory */
function childrenOf({ children }: LayerFile, path: ByteString): Map<ByteString, LayerFile> {
  if (children === undefined) throw notPlain(path);
  return children;
}

function notPlain(name: ByteString): BerthError {
  return new BerthError("invalid-argument", `${JSON.stringify(name)} can only be unpacked by an ordinary pull`);
}
