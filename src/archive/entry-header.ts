import { majorOf, minorOf } from "./device.ts";
import { isOpaqueEntry, isWhiteoutEntry, type ManifestEntry } from "./manifest.ts";
import { noXattrs, type TarHeader, type TarType } from "./tar-header.ts";
import { encodeHeader } from "./tar-writer.ts";
import { childOf } from "./walk.ts";
import { opaqueName, whiteoutHeader } from "./whiteout.ts";
import { capabilitiesOf, parseXattrs } from "./xattrs.ts";

/** What headers say of files. */
export interface HeaderStyle {
  /** A file system as it is seen: a device 0:0 is one, no directory is opaque, and the root has no entry. */
  readonly plain: boolean;
  /** Of the extended attributes only the capabilities of programs. */
  readonly onlyCapabilities: boolean;
}

/**
 * What a canonical archive says of a file: its header, an opaque directory's marker after it. Empty where it says nothing:
 * of a socket, and of a root like any other.
 *
 * @param mtimeNs of the file: an entry doesn't know that of the root
 */
export function headersOf(entry: ManifestEntry, style: HeaderStyle, mtimeNs: bigint = entry.mtimeNs): Buffer {
  const { path, kind } = entry;
  if (kind === "socket") return nothing;
  if (!style.plain && isWhiteoutEntry(entry)) return encodeHeader(whiteoutHeader(path));
  const header = headerOf({ ...entry, kind, mtimeNs }, style);
  const isTold = path !== "" || (!style.plain && isSpecialRoot(header));
  const own = isTold ? encodeHeader(header) : nothing;
  if (style.plain || !isOpaqueEntry(entry)) return own;
  return Buffer.concat([own, encodeHeader(whiteoutHeader(childOf(path, opaqueName), ""))]);
}

const nothing = Buffer.alloc(0);

function headerOf(
  { path, kind, mode, uid, gid, size, mtimeNs, target, device, xattrs }: ManifestEntry & { readonly kind: TarType },
  { onlyCapabilities }: HeaderStyle,
): TarHeader {
  const all = kind === "link" ? noXattrs : parseXattrs(xattrs);
  const number = BigInt(device);
  return {
    name: path === "" ? "." : path,
    type: kind,
    mode,
    uid,
    gid,
    size,
    mtimeNs,
    linkname: target,
    major: device === 0 ? 0 : majorOf(number),
    minor: device === 0 ? 0 : minorOf(number),
    xattrs: onlyCapabilities ? capabilitiesOf(all) : all,
  };
}

function isSpecialRoot({ mode, uid, gid, xattrs }: TarHeader): boolean {
  return mode !== 0o755 || uid !== 0 || gid !== 0 || xattrs.size > 0;
}
