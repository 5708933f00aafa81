import {
  closeSync,
  ftruncateSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, bytesOf, pathOf, textOf } from "./byte-string.ts";
import { FreeSpace } from "./free-space.ts";
import { isHole } from "./holes.ts";
import { cleanName, createFlags, RootDirectories, realDirectories, splitName } from "./safe-path.ts";
import { second, type TarHeader } from "./tar-header.ts";
import { parseTar, type TarVisitor } from "./tar-reader.ts";
import { isWhiteout, makeWhiteout, opaqueName, setOpaque, whiteoutPrefix } from "./whiteout.ts";
import { writeXattrs } from "./xattrs.ts";

/** How an archive is unpacked. */
export interface ApplyOptions extends Operation {
  readonly syscalls: Syscalls;
  /**
   * What becomes of `.wh.` entries: `overlay` makes the whiteouts and opaque directories of overlayfs, for a layer that
   * stands alone; `plain` deletes what is in the root; `literal` makes files of that name and, as `ADD` in Docker does,
   * passes over what the archive says of the root itself.
   */
  readonly whiteouts: "overlay" | "plain" | "literal";
  /** Owner of everything, whatever the archive says. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Asked for the target of a hard link that the archive doesn't have, by its clean name: a file of a lower layer. */
  readonly findBelow?: (name: ByteString) => FileBelow | undefined;
  /** Told what went into which file, relative to the root, and where. */
  readonly onContent?: (path: ByteString, chunk: Buffer, offset: number) => void;
}

/** A file of a lower layer that a hard link leads to. */
export interface FileBelow {
  /** Its path inside the root, links on the way resolved in all layers. */
  readonly path: ByteString;
  /** Make it at that path below the root; its directory is there by then. */
  readonly bringUp: () => void;
}

/** What {@link applyLayer} did. */
export interface AppliedLayer {
  /** Sum of the sizes of the archive's regular files and symlinks, bytes: Docker's size of a layer. */
  readonly size: number;
  /**
   * Directories that the archive doesn't list but has entries in: made with mode 0755, owner 0:0 and the time of the
   * first such entry. Absolute inside the root. Where a lower layer has them, their attributes are that layer's to say.
   * With `overlay` the root is one of them, `""`, unless the archive lists it.
   */
  readonly implied: readonly string[];
  /** True when every file that was made is still where it was made: no later entry took its place or deleted it. */
  readonly intact: boolean;
}

/**
 * Unpack a tar archive (uncompressed) below the directory `root`, as Docker applies a layer.
 *
 * Nothing outside of `root` is touched, whatever the archive says: absolute names begin at `root`, symbolic links on the
 * way are followed inside it, and an entry replaces what is in its place (a directory over a directory keeps its content).
 * Nobody else may change the tree meanwhile. Owners are set when the caller is root.
 *
 * @throws {BerthError} invalid-argument, naming the entry: the archive is damaged or cut off, leaves the root, or links to what isn't there
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array>,
  root: string,
  options: ApplyOptions,
): Promise<AppliedLayer> {
  using extractor = new Extractor(bytesOf(root), options);
  await parseTar(source, extractor, options.signal);
  return extractor.finish();
}

/** Errors that an archive's content causes, rather than the state of the machine. */
const archiveErrors = new Set([
  "E2BIG",
  "EFBIG",
  "ERANGE",
  "ENAMETOOLONG",
  "ENOTDIR",
  "EISDIR",
  "ENOENT",
  "ELOOP",
  "EINVAL",
  "EPERM",
  "EMLINK",
]);

class Extractor implements TarVisitor, Disposable {
  readonly #root: ByteString;
  readonly #options: ApplyOptions;
  readonly #directories: RootDirectories;
  readonly #free: FreeSpace;
  /** Times of directories, set last: each entry made in one changes its time. */
  readonly #times: Map<ByteString, bigint> = new Map();
  readonly #implied: Set<ByteString> = new Set();
  /** What the archive made, where a whiteout must spare it. */
  readonly #made: Set<ByteString> | undefined;
  readonly #chown: boolean;
  #header: TarHeader | undefined;
  #file: { readonly fd: number; readonly path: ByteString } | undefined;
  /** How far the current file is written, and how far its content has come, holes and all. */
  #written = 0;
  #reached = 0;
  #size = 0;
  #intact = true;

  constructor(root: ByteString, options: ApplyOptions) {
    this.#root = root;
    this.#free = new FreeSpace(root);
    this.#options = options;
    this.#chown = options.syscalls.canChown;
    this.#made = options.whiteouts === "plain" ? new Set() : undefined;
    if (this.#overlay) this.#implied.add(this.#root);
    this.#directories = new RootDirectories(root, (path) => {
      this.#free.file(this.#header?.name ?? "");
      this.#implied.add(path);
      this.#made?.add(path);
      this.#times.set(path, this.#header?.mtimeNs ?? 0n);
    });
  }

  entry(header: TarHeader): void {
    this.#header = header;
    this.#free.announce(header.name, header.size);
    this.#blaming(header, () => this.#place(header));
  }

  /** What an archive's content causes is an error that names the entry. */
  #blaming(header: TarHeader, step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof BerthError || !archiveErrors.has(codeOf(error) ?? "")) throw error;
      const message = `failed to unpack ${JSON.stringify(textOf(header.name))}: ${messageOf(error)}`;
      throw new BerthError("invalid-argument", message, { cause: error });
    }
  }

  data(chunk: Buffer, offset: number): void {
    if (this.#file === undefined) return;
    const { path } = this.#file;
    if (!isHole(chunk)) this.#write(this.#file.fd, chunk, offset);
    this.#tell(path, chunk, offset);
  }

  /** Content has come; an empty chunk says where a hole before it ends. */
  #tell(path: ByteString, chunk: Buffer, offset: number): void {
    this.#reached = offset + chunk.length;
    this.#options.onContent?.(path.slice(this.#root.length + 1), chunk, offset);
  }

  #write(fd: number, chunk: Buffer, offset: number): void {
    for (let done = 0; done < chunk.length; ) {
      done += writeSync(fd, chunk, done, chunk.length - done, offset + done);
    }
    this.#written = offset + chunk.length;
  }

  end(): void {
    const header = this.#header;
    if (header !== undefined) this.#blaming(header, () => this.#complete(header));
  }

  #complete(header: TarHeader): void {
    if (this.#file === undefined) return;
    const { fd, path } = this.#file;
    if (this.#written < header.size) ftruncateSync(fd, header.size);
    // A hole at its end is content, too.
    if (this.#reached < header.size) this.#tell(path, Buffer.alloc(0), header.size);
    const { uid, gid } = this.#options.owner ?? header;
    const { syscalls } = this.#options;
    if (this.#chown) syscalls.lchown(pathOf(path), uid, gid, fd);
    syscalls.chmod(pathOf(path), header.mode, fd);
    this.#xattrs(path, header);
    this.#fileTimes(fd, path, header.mtimeNs);
    this.#file = undefined;
    closeSync(fd);
    this.#size += header.size;
  }

  /** Whole seconds, which most files have, by the faster call: it takes fractions as floating point numbers, too coarse for nanoseconds. */
  #fileTimes(fd: number, path: ByteString, mtimeNs: bigint): void {
    if (mtimeNs < 0n || mtimeNs % second !== 0n) this.#options.syscalls.lutimes(pathOf(path), mtimeNs, mtimeNs);
    else futimesSync(fd, Number(mtimeNs / second), Number(mtimeNs / second));
  }

  finish(): AppliedLayer {
    // Later entries may have put a link to elsewhere in a directory's place, or above it.
    const isThere = realDirectories(this.#root);
    for (const [path, mtime] of this.#times) {
      if (isThere(path)) this.#options.syscalls.lutimes(pathOf(path), mtime, mtime);
    }
    const implied = [...this.#implied].filter(isThere);
    return {
      size: this.#size,
      implied: implied.map((path) => textOf(path.slice(this.#root.length))),
      intact: this.#intact,
    };
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
  }

  #place(header: TarHeader): void {
    const name = cleanName(header.name);
    if (name === "") {
      if (this.#options.whiteouts !== "literal") this.#rootEntry(header);
      return;
    }
    const [parent, last] = splitName(name);
    const directory = this.#directories.make(parent);
    if (this.#options.whiteouts !== "literal" && last.startsWith(whiteoutPrefix)) this.#whiteout(directory, last);
    else this.#create(`${directory}/${last}`, header);
  }

  #create(path: ByteString, header: TarHeader): void {
    this.#made?.add(path);
    switch (header.type) {
      case "file":
        this.#written = 0;
        this.#reached = 0;
        this.#file = { fd: this.#replacing(path, () => openSync(pathOf(path), createFlags, 0o600)), path };
        return;
      case "dir":
        this.#directory(path, header);
        return;
      case "symlink":
        this.#replacing(path, () => symlinkSync(pathOf(header.linkname), pathOf(path)));
        this.#attributes(path, header);
        this.#size += header.linkname.length;
        return;
      case "link":
        this.#link(path, header);
        return;
      case "char":
      case "block":
      case "fifo":
        this.#replacing(path, () => this.#node(path, header));
        this.#attributes(path, header);
        return;
      default:
        header.type satisfies never;
    }
  }

  #rootEntry(header: TarHeader): void {
    if (header.type !== "dir") throw new BerthError("invalid-argument", `the root of an archive is no ${header.type}`);
    this.#directory(this.#root, header);
  }

  #directory(path: ByteString, header: TarHeader): void {
    const { syscalls } = this.#options;
    const stats = syscalls.lstat(pathOf(path));
    if (stats?.isDirectory() !== true) {
      if (stats !== undefined) this.#remove(path);
      mkdirSync(pathOf(path));
      // A directory in place of one that this archive deletes must not show the deleted one's content.
      if (stats !== undefined && this.#overlay && isWhiteout(stats)) setOpaque(syscalls, path);
    }
    this.#implied.delete(path);
    this.#times.set(path, header.mtimeNs);
    const { uid, gid } = this.#options.owner ?? header;
    if (this.#chown) syscalls.lchown(pathOf(path), uid, gid);
    syscalls.chmod(pathOf(path), header.mode);
    this.#xattrs(path, header);
  }

  #link(path: ByteString, header: TarHeader): void {
    const target = this.#linkTarget(header);
    if (target === path) return;
    this.#replacing(path, () => linkSync(pathOf(target), pathOf(path)));
  }

  #linkTarget(header: TarHeader): ByteString {
    const name = cleanName(header.linkname);
    const [parent, last] = splitName(name);
    if (last === "") throw missingTarget(header);
    const found = this.#findTarget(parent, last);
    if (found !== undefined) return found;
    const below = this.#options.findBelow?.(name);
    if (below === undefined) throw missingTarget(header);
    const [directory, file] = splitName(below.path);
    const target = `${this.#directories.make(directory)}/${file}`;
    below.bringUp();
    return target;
  }

  /** What a hard link may lead to; a whiteout is no such thing. */
  #findTarget(parent: ByteString, last: ByteString): ByteString | undefined {
    const directory = this.#directories.find(parent);
    if (directory === undefined) return undefined;
    const target = `${directory}/${last}`;
    const stats = this.#options.syscalls.lstat(pathOf(target));
    return stats === undefined || (this.#overlay && isWhiteout(stats)) ? undefined : target;
  }

  #node(path: ByteString, header: TarHeader): void {
    const kind = header.type === "char" ? 0o020000 : header.type === "block" ? 0o060000 : 0o010000;
    this.#options.syscalls.mknod(pathOf(path), kind | 0o600, header.major, header.minor);
  }

  /** Owner, mode, extended attributes and times of what is no regular file and no directory. */
  #attributes(path: ByteString, header: TarHeader): void {
    const { uid, gid } = this.#options.owner ?? header;
    const { syscalls } = this.#options;
    if (this.#chown) syscalls.lchown(pathOf(path), uid, gid);
    // A link has no mode of its own, and chmod would follow it.
    if (header.type !== "symlink") syscalls.chmod(pathOf(path), header.mode);
    this.#xattrs(path, header);
    syscalls.lutimes(pathOf(path), header.mtimeNs, header.mtimeNs);
  }

  #xattrs(path: ByteString, header: TarHeader): void {
    if (header.xattrs.size === 0) return;
    for (const name of writeXattrs(this.#options.syscalls, path, header.xattrs)) {
      const message = `${textOf(header.name)}: extended attribute ${name} is not supported here`;
      this.#options.report?.({ kind: "warning", id: "unpack", message });
    }
  }

  #whiteout(directory: ByteString, last: ByteString): void {
    if (last === opaqueName) {
      this.#opaque(directory);
      return;
    }
    const hidden = last.slice(whiteoutPrefix.length);
    // Notes of the aufs file system, which Docker passes over.
    if (hidden.startsWith(whiteoutPrefix)) return;
    if (hidden === "" || hidden === "." || hidden === "..") {
      throw new BerthError("invalid-argument", `invalid whiteout ${JSON.stringify(last)}`);
    }
    const path = `${directory}/${hidden}`;
    const stats = this.#options.syscalls.lstat(pathOf(path));
    if (!this.#overlay) {
      if (stats !== undefined) this.#remove(path);
    } else if (stats === undefined) makeWhiteout(this.#options.syscalls, path);
    else if (stats.isDirectory()) setOpaque(this.#options.syscalls, path);
  }

  #opaque(directory: ByteString): void {
    if (this.#overlay) {
      setOpaque(this.#options.syscalls, directory);
      return;
    }
    for (const name of readdirSync(pathOf(directory), "latin1")) {
      if (this.#made?.has(`${directory}/${name}`) !== true) this.#remove(`${directory}/${name}`);
    }
  }

  get #overlay(): boolean {
    return this.#options.whiteouts === "overlay";
  }

  /** Make a file; what is in its place already goes first. */
  #replacing<T>(path: ByteString, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    this.#remove(path);
    return make();
  }

  #remove(path: ByteString): void {
    this.#directories.forget();
    const stats = this.#options.syscalls.lstat(pathOf(path));
    if (stats?.isDirectory() === true || stats?.isFile() === true) this.#intact = false;
    if (stats?.isDirectory() === true) rmSync(pathOf(path), { recursive: true });
    else unlinkSync(pathOf(path));
  }
}

function missingTarget(header: TarHeader): BerthError {
  const [name, target] = [textOf(header.name), textOf(header.linkname)].map((text) => JSON.stringify(text));
  return new BerthError("invalid-argument", `invalid hard link ${name} -> ${target}: no such file in the archive`);
}
