import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, pathOf } from "./byte-string.ts";
import { noXattrs } from "./tar-header.ts";

/** Kept out of archives, both ways: overlayfs's own, and labels that belong to one machine. */
const foreign = /^(?:trusted\.overlay\.|user\.overlay\.|security\.(?:selinux|ima|evm)$)/;

/** The attribute that holds the capabilities of a program. */
export const capabilityXattr = "security.capability";

/** True for the error of a file system, or a name space, without extended attributes: the kernel has one number for two names. */
export function isUnsupported(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOTSUP" || code === "EOPNOTSUPP";
}

/** True for an extended attribute that is part of a file, not of the machine or the layer that it lies in. */
function isPortable(name: string): boolean {
  return !foreign.test(name);
}

/** The portable extended attributes of a file. Empty where the file system has none. @param names all that it has, where they are known */
export function readXattrs(
  syscalls: Syscalls,
  path: ByteString,
  names: readonly string[] = listXattrs(syscalls, path),
): ReadonlyMap<string, Buffer> {
  if (names.length === 0) return noXattrs;
  const xattrs = new Map<string, Buffer>();
  for (const name of names) {
    if (!isPortable(name)) continue;
    const value = syscalls.lgetxattr(pathOf(path), name);
    if (value !== undefined) xattrs.set(name, value);
  }
  return xattrs;
}

/** Extended attributes as text: values in base64. */
export type StoredXattrs = Readonly<Record<string, string>>;

/** Shared by all files that have none. */
const noStoredXattrs: StoredXattrs = {};

/** `xattrs` as text. */
export function formatXattrs(xattrs: ReadonlyMap<string, Buffer>): StoredXattrs {
  if (xattrs.size === 0) return noStoredXattrs;
  return Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString("base64")]));
}

/** The portable ones of `xattrs`. */
export function parseXattrs(xattrs: StoredXattrs): ReadonlyMap<string, Buffer> {
  const names = Object.keys(xattrs).filter(isPortable);
  if (names.length === 0) return noXattrs;
  return new Map(names.map((name) => [name, Buffer.from(xattrs[name] ?? "", "base64")]));
}

/** Of a file's extended attributes the one that holds the capabilities of a program. */
export function capabilitiesOf(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const value = xattrs.get(capabilityXattr);
  return value === undefined ? noXattrs : new Map([[capabilityXattr, value]]);
}

/** The names of a file's extended attributes. None where the file system has none. */
export function listXattrs(syscalls: Syscalls, path: ByteString): readonly string[] {
  try {
    return syscalls.llistxattr(pathOf(path));
  } catch (error) {
    if (isUnsupported(error)) return [];
    throw error;
  }
}

/**
 * Give a file the portable ones of `xattrs`.
 *
 * @returns the names that the file system or the kernel refused, which Docker too passes over
 */
export function writeXattrs(
  syscalls: Syscalls,
  path: ByteString,
  xattrs: ReadonlyMap<string, Buffer>,
): readonly string[] {
  const refused: string[] = [];
  for (const [name, value] of xattrs) {
    if (!isPortable(name)) continue;
    try {
      syscalls.lsetxattr(pathOf(path), name, value);
    } catch (error) {
      if (!isUnsupported(error) && codeOf(error) !== "EPERM") throw error;
      refused.push(name);
    }
  }
  return refused;
}
