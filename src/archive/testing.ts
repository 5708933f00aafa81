import { noXattrs, type TarHeader, type TarType } from "./tar-header.ts";
import { encodeHeader, endOfArchive, paddingOf } from "./tar-writer.ts";

/** A header with the fields that a test doesn't care about filled in. */
function headerOf(fields: Partial<TarHeader> & Pick<TarHeader, "name">): TarHeader {
  return {
    type: "file",
    mode: fields.type === "dir" ? 0o755 : 0o644,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    size: 0,
    mtimeNs: 1_000_000_000n,
    linkname: "",
    major: 0,
    minor: 0,
    xattrs: noXattrs,
    ...fields,
  };
}

/** An entry as a test writes it: a name, what it is, and its content or link target. */
export type Entry = readonly [name: string, type: TarType, text?: string, fields?: Partial<TarHeader>];

/** The archive of `entries`, in their order. */
export function archiveOf(...entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(([name, type, text = "", fields = {}]) => {
    const content = Buffer.from(type === "file" ? text : "");
    const header = headerOf({ name, type, size: content.length, linkname: type === "file" ? "" : text, ...fields });
    return [encodeHeader(header), content, Buffer.alloc(paddingOf(content.length))];
  });
  return Buffer.concat([...parts, endOfArchive]);
}

/** `bytes` as a stream of chunks. */
export async function* streamOf(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
