import { bytesOf } from "../archive/byte-string.ts";
import { noXattrs, second } from "../archive/tar-header.ts";
import { encodeHeader, endOfArchive, paddingOf } from "../archive/tar-writer.ts";

/** A file of an archive that is written. */
export interface ArchiveFile {
  readonly name: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly size: number;
  /** As many bytes. */
  open(): AsyncIterable<Uint8Array>;
}

/** A file of bytes that are there. Its time is 1970, as Docker's. */
export function bytesFile(name: string, bytes: Buffer): ArchiveFile {
  return {
    name,
    time: 0,
    size: bytes.length,
    open: async function* () {
      yield bytes;
    },
  };
}

/** A file that holds JSON, followed by `end`. */
export function jsonFile(name: string, value: unknown, end: string = ""): ArchiveFile {
  return bytesFile(name, Buffer.from(`${JSON.stringify(value)}${end}`));
}

/** A tar archive of files, sorted by name, with the directories that they are in. */
export async function* archiveOf(files: readonly ArchiveFile[]): AsyncGenerator<Uint8Array> {
  const sorted = files.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const directories = new Set<string>();
  for (const { name, time, size, open } of sorted) {
    for (let slash = name.indexOf("/"); slash >= 0; slash = name.indexOf("/", slash + 1)) {
      const directory = name.slice(0, slash);
      if (!directories.has(directory)) yield header({ name: directory, time: 0, size: 0 }, "dir");
      directories.add(directory);
    }
    yield fileHeader({ name, time, size });
    yield* open();
    yield Buffer.alloc(paddingOf(size));
  }
  yield endOfArchive;
}

/** What stands in front of a file in an archive. */
export function fileHeader(file: Omit<ArchiveFile, "open">): Buffer {
  return header(file, "file");
}

function header({ name, time, size }: Omit<ArchiveFile, "open">, type: "file" | "dir"): Buffer {
  return encodeHeader({
    name: bytesOf(name),
    type,
    mode: type === "dir" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    size,
    mtimeNs: BigInt(time) * second,
    linkname: "",
    major: 0,
    minor: 0,
    xattrs: noXattrs,
  });
}
