import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type ByteString, textOf } from "./byte-string.ts";
import { parsePax, paxInteger, paxTime, paxXattrs } from "./pax.ts";
import {
  blockSize,
  invalidHeader,
  isInvalidHeader,
  noXattrs,
  parseHeader,
  type RawHeader,
  second,
  type TarHeader,
  type TarType,
} from "./tar-header.ts";
import { hasMoreRegions, SparseMap, sparseName } from "./tar-sparse.ts";

/** What a {@link TarParser} tells, in the order of the archive. */
export interface TarVisitor {
  /** An entry begins. */
  entry(header: TarHeader): void;
  /** A part of its content; `offset` counts from the start of the file and skips holes. `chunk` is a view of what came in. */
  data(chunk: Buffer, offset: number): void;
  /** The entry is complete, one without content too. */
  end(): void;
}

/**
 * Read a tar archive: ustar, PAX, GNU long names, base-256 numbers and sparse files.
 *
 * Global PAX records are checked and ignored, as Docker does. What follows the end of the archive is read and ignored.
 *
 * @throws {BerthError} invalid-argument, when it is no tar archive or is cut off; the message names the entry
 */
export async function parseTar(
  source: AsyncIterable<Uint8Array>,
  visitor: TarVisitor,
  signal?: AbortSignal,
): Promise<void> {
  const parser = new TarParser(visitor);
  for await (const chunk of source) {
    signal?.throwIfAborted();
    parser.write(chunk);
  }
  parser.end();
}

const types: Readonly<Record<string, TarType>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "dir",
  "6": "fifo",
  "7": "file",
  S: "file",
};

/** Entries that say something about others. */
const specials = "xgLK";

/** A tar archive pushed in, chunk by chunk. Nothing is awaited: a visitor that is synchronous sees whole runs of entries at once. */
export class TarParser {
  readonly #visitor: TarVisitor;
  /** What the next bytes are. */
  #state: "block" | "data" | "padding" | "ended" = "block";
  /** A block that came in pieces. */
  readonly #partial: Buffer = Buffer.alloc(blockSize);
  #filled = 0;
  #onBlock: (buffer: Buffer, at: number) => void = (buffer, at) => this.#header(buffer, at);
  #onData: (chunk: Buffer) => void = () => {};
  #onEnd: () => void = () => {};
  /** Bytes that are left of the content, then of its padding. */
  #remaining = 0;
  #padding = 0;
  #zeroBlock = false;
  /** True between the parts of an entry's header. */
  #inHeader = false;
  /** Where the next byte of a file's content goes. */
  #offset = 0;
  #name: ByteString = "";
  /** True while {@link #name} is that of the entry that is being read. */
  #isNamed = false;
  #local: Map<ByteString, ByteString> | undefined;
  #longName: ByteString | undefined;
  #longLink: ByteString | undefined;

  constructor(visitor: TarVisitor) {
    this.#visitor = visitor;
  }

  /** @throws {BerthError} invalid-argument; and whatever the visitor throws */
  write(chunk: Uint8Array): void {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < buffer.length; ) {
      if (this.#state === "block") at = this.#takeBlock(buffer, at);
      else if (this.#state === "data") at = this.#takeData(buffer, at);
      else if (this.#state === "padding") at = this.#takePadding(buffer, at);
      else return;
    }
  }

  /** Bytes of the current entry's content that are still to come; 0 between entries and in their headers. */
  get contentLeft(): number {
    return this.#state === "data" && !this.#inHeader ? this.#remaining : 0;
  }

  /** True behind the end of the archive: whatever follows is no part of it. */
  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** Say that the rest of the current content and its padding do not come. @returns how many bytes that is */
  skipContent(): number {
    if (this.contentLeft === 0) return 0;
    const skipped = this.#remaining + this.#padding;
    this.#remaining = 0;
    this.#padding = 0;
    this.#finish();
    return skipped;
  }

  /** Say that nothing more comes. @throws {BerthError} invalid-argument, when something is missing */
  end(): void {
    const between = this.#state === "block" && this.#filled === 0 && !this.#inHeader;
    if (this.#state === "ended" || between) return;
    const where = this.#name === "" ? "" : ` in ${JSON.stringify(textOf(this.#name))}`;
    throw new BerthError("invalid-argument", `unexpected EOF${where}`, {
      hint: "The archive is cut off: copy or make it again.",
    });
  }

  #takeBlock(buffer: Buffer, at: number): number {
    if (this.#filled === 0 && buffer.length - at >= blockSize) {
      this.#naming(() => this.#onBlock(buffer, at));
      return at + blockSize;
    }
    const copied = buffer.copy(this.#partial, this.#filled, at);
    this.#filled += copied;
    if (this.#filled === blockSize) {
      this.#filled = 0;
      this.#naming(() => this.#onBlock(this.#partial, 0));
    }
    return at + copied;
  }

  /** Have an error of the archive's form say where it is: in the entry that begins, or after the last one. */
  #naming(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!isInvalidHeader(error) || this.#name === "") throw error;
      const where = `${this.#isNamed ? "in" : "after"} ${JSON.stringify(textOf(this.#name.slice(0, shownLength)))}`;
      throw new BerthError("invalid-argument", `${error.message} (${where})`, { cause: error });
    }
  }

  #takeData(buffer: Buffer, at: number): number {
    const end = Math.min(buffer.length, at + this.#remaining);
    this.#naming(() => {
      this.#onData(at === 0 && end === buffer.length ? buffer : buffer.subarray(at, end));
      this.#remaining -= end - at;
      if (this.#remaining === 0) this.#finish();
    });
    return end;
  }

  #takePadding(buffer: Buffer, at: number): number {
    const end = Math.min(buffer.length, at + this.#padding);
    this.#padding -= end - at;
    if (this.#padding === 0) this.#state = "block";
    return end;
  }

  #expect(size: number, onData: (chunk: Buffer) => void, onEnd: () => void): void {
    this.#onData = onData;
    this.#onEnd = onEnd;
    this.#remaining = size;
    this.#padding = (blockSize - (size % blockSize)) % blockSize;
    if (size === 0) this.#finish();
    else this.#state = "data";
  }

  #finish(): void {
    this.#state = this.#padding === 0 ? "block" : "padding";
    this.#onEnd();
  }

  #header(buffer: Buffer, at: number): void {
    this.#isNamed = false;
    const raw = parseHeader(buffer, at);
    if (raw === undefined) {
      if (this.#zeroBlock) this.#state = "ended";
      this.#zeroBlock = true;
      return;
    }
    if (this.#zeroBlock) throw invalidHeader();
    this.#name = raw.name;
    this.#isNamed = true;
    if (raw.size < 0) throw invalidHeader();
    if (specials.includes(raw.flag)) this.#special(raw);
    else if (raw.flag === "V") this.#expect(raw.size, ignore, ignore);
    else if (raw.flag === "S") this.#oldSparse(raw, Buffer.from(buffer.subarray(at, at + blockSize)));
    else this.#entry(raw, undefined);
  }

  #special(raw: RawHeader): void {
    if (raw.size > limits.extendedHeader) throw invalidHeader("extended header is too long");
    const chunks: Buffer[] = [];
    this.#inHeader = raw.flag !== "g";
    // A copy: the source may use its buffer again before the rest arrives.
    const collect = (chunk: Buffer): void => void chunks.push(Buffer.from(chunk));
    this.#expect(raw.size, collect, () => this.#applySpecial(raw.flag, Buffer.concat(chunks)));
  }

  #applySpecial(flag: string, data: Buffer): void {
    if (flag === "x") {
      this.#local = parsePax(data);
      this.#name = this.#local.get("path") ?? this.#name;
    } else if (flag === "g") {
      parsePax(data);
    } else {
      const nul = data.indexOf(0);
      const value = data.toString("latin1", 0, nul < 0 ? data.length : nul);
      if (flag === "L") this.#longName = value;
      else this.#longLink = value;
    }
  }

  #oldSparse(raw: RawHeader, header: Buffer): void {
    const more: Buffer[] = [];
    const ready = (): void => {
      this.#onBlock = (buffer, at) => this.#header(buffer, at);
      this.#entry(raw, SparseMap.fromBlocks(header, more));
    };
    this.#name = raw.name;
    this.#inHeader = true;
    this.#onBlock = (buffer, at) => {
      const block = Buffer.from(buffer.subarray(at, at + blockSize));
      if (more.push(block) > limits.sparseBlocks) throw invalidHeader("sparse map is too long");
      if (!hasMoreRegions(block, "extension")) ready();
    };
    if (!hasMoreRegions(header, "header")) ready();
  }

  #entry(raw: RawHeader, oldSparse: SparseMap | undefined): void {
    this.#inHeader = false;
    const records = this.#takeRecords();
    const stored = records?.has("size") ? paxInteger(records.get("size") ?? "") : raw.size;
    const name = this.#longName ?? raw.name;
    const sparse = oldSparse ?? (records === undefined ? undefined : SparseMap.fromPax(records, stored));
    const header = complete(raw, records ?? new Map(), { name, linkname: this.#longLink ?? raw.linkname });
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#name = header.name;
    if (stored < 0 || !isSane(header)) throw invalidHeader();
    this.#offset = 0;
    const file = header.type === "file";
    this.#visitor.entry({ ...header, size: file ? (sparse?.size ?? stored) : 0 });
    const deliver = (chunk: Buffer, offset: number): void => this.#visitor.data(chunk, offset);
    this.#expect(
      file ? stored : 0,
      sparse === undefined ? (chunk) => this.#plainData(chunk) : (chunk) => sparse.deliver(chunk, deliver),
      () => {
        sparse?.finish();
        this.#visitor.end();
      },
    );
  }

  #plainData(chunk: Buffer): void {
    this.#visitor.data(chunk, this.#offset);
    this.#offset += chunk.length;
  }

  /** The extended records of the next entry; an empty value is none, but for an attribute. */
  #takeRecords(): Map<ByteString, ByteString> | undefined {
    const local = this.#local;
    this.#local = undefined;
    for (const [key, value] of local ?? []) {
      if (value === "" && !key.includes("xattr.")) local?.delete(key);
    }
    return local;
  }
}

function ignore(): void {}

/** Most bytes of a name in an error. */
const shownLength = 200;

function complete(
  raw: RawHeader,
  records: ReadonlyMap<ByteString, ByteString>,
  names: Pick<TarHeader, "name" | "linkname">,
): TarHeader {
  const written = sparseName(records) ?? records.get("path") ?? names.name;
  const name = written.replace(/\/+$/, "");
  const uid = records.get("uid");
  const gid = records.get("gid");
  const mtime = records.get("mtime");
  return {
    name,
    type: typeOf(raw, written),
    mode: raw.mode & 0o7777,
    uid: uid === undefined ? raw.uid : paxInteger(uid),
    gid: gid === undefined ? raw.gid : paxInteger(gid),
    size: raw.size,
    mtimeNs: mtime === undefined ? BigInt(raw.mtime) * second : paxTime(mtime),
    linkname: records.get("linkpath") ?? names.linkname,
    major: raw.major,
    minor: raw.minor,
    xattrs: records.size === 0 ? noXattrs : paxXattrs(records),
  };
}

/** No name holds a NUL, and an owner is what the kernel takes for one. */
function isSane(header: TarHeader): boolean {
  const names = !header.name.includes("\0") && !header.linkname.includes("\0");
  const xattrs = [...header.xattrs.keys()].every((name) => !name.includes("\0"));
  return names && xattrs && isOwner(header.uid) && isOwner(header.gid) && isDevice(header);
}

/** 12 bits of major number and 20 of minor, as Linux has them. */
function isDevice({ major, minor }: TarHeader): boolean {
  return major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20;
}

function isOwner(id: number): boolean {
  return id >= 0 && id < 0xffffffff;
}

/** @throws {BerthError} invalid-argument, for a kind of entry that no file system has */
function typeOf(raw: RawHeader, name: ByteString): TarType {
  const type = types[raw.flag];
  if (type === undefined) {
    const where = JSON.stringify(textOf(name));
    throw new BerthError("invalid-argument", `unhandled tar header type ${raw.flag.charCodeAt(0)} in ${where}`);
  }
  // Before ustar, which has a flag for each kind, a directory was a file whose name ends in a slash.
  return raw.flag === "\0" && name.endsWith("/") ? "dir" : type;
}
