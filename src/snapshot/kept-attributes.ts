import { type BigIntStats, closeSync, openSync, type Stats } from "node:fs";
import { join } from "node:path";
import { type ByteString, bytesOf, pathOf } from "../archive/byte-string.ts";
import { type ManifestEntry, openManifestSync } from "../archive/manifest.ts";
import { isUnsupported } from "../archive/xattrs.ts";
import { codeOf, isKind } from "../base/errors.ts";
import { isCapable } from "../host/capabilities.ts";
import { makeDevice, type PathLike, type Syscalls } from "../host/syscalls.ts";
import { manifestPath } from "./layer-records.ts";

/** What a file is to be, where it couldn't be made so; what is absent is as the file system says. */
interface Kept {
  owner?: { readonly uid: number; readonly gid: number };
  /** Permission bits. */
  mode?: number;
  /** Type bits and number of the device that a regular file stands for. */
  device?: { readonly type: number; readonly number: bigint };
  xattrs?: Map<string, Buffer>;
}

/** What overlayfs's attributes are called where only root of the machine may set those that begin with `trusted.`. */
const trustedPrefix = "trusted.overlay.";
const userPrefix = "user.overlay.";

const typeMask = 0o170000;
const permissionMask = 0o7777;
const setgid = 0o2000;

/**
 * The kernel for a store whose user isn't root of the machine: owners, modes, devices and attributes that it refuses in layers
 * and in snapshots that become layers are kept, and told as if they were there.
 *
 * Of a committed layer its manifest has them all. Of an active snapshot this process has them, until it commits it: the manifest is
 * written of what is told here. A device is a regular file meanwhile. Elsewhere nothing is kept, and no owner given that can't be.
 */
export function keepingSyscalls(real: Syscalls, root: string): Syscalls {
  return new KeepingSyscalls(real, root).asSyscalls();
}

class KeepingSyscalls {
  readonly #real: Syscalls;
  readonly #layers: ByteString;
  readonly #active: ByteString;
  /** By device, inode and time of birth: names change, and an inode's number is used again. */
  readonly #kept: Map<string, Kept> = new Map();
  /** What manifests say, by the layer's directory. */
  readonly #manifests: Map<ByteString, ReadonlyMap<ByteString, ManifestEntry>> = new Map();
  readonly #isRoot: boolean = process.getuid?.() === 0;
  readonly #self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  readonly #readsAll: boolean = isCapable("dacOverride");

  constructor(real: Syscalls, root: string) {
    this.#real = real;
    this.#layers = `${bytesOf(join(root, "layers"))}/`;
    this.#active = `${bytesOf(join(root, "active"))}/`;
  }

  asSyscalls(): Syscalls {
    return {
      ...this.#real,
      canChown: true,
      keeps: true,
      lstat: (path) => this.#told(path, this.#real.lstat(path)),
      lstatExact: (path) => this.#told(path, this.#real.lstatExact(path)),
      lchown: (path, uid, gid, fd) => this.#lchown(path, { uid, gid, fd }),
      chmod: (path, mode, fd) => this.#chmod(path, mode, fd),
      mknod: (path, mode, major, minor) => this.#mknod(path, mode, { major, minor }),
      lsetxattr: (path, name, value) => this.#lsetxattr(path, name, value),
      lgetxattr: (path, name) => this.#lgetxattr(path, name),
      llistxattr: (path) => this.#llistxattr(path),
      lremovexattr: (path, name) => this.#lremovexattr(path, name),
    };
  }

  #isActive(path: PathLike): boolean {
    return asBytes(path).startsWith(this.#active);
  }

  /** What the manifest of a committed layer says of a file of it. */
  #entryOf(path: PathLike): ManifestEntry | undefined {
    const bytes = asBytes(path);
    if (!bytes.startsWith(this.#layers)) return undefined;
    const slash = bytes.indexOf("/", this.#layers.length);
    const layer = slash < 0 ? bytes : bytes.slice(0, slash);
    const entries = this.#entriesOf(layer);
    const entry = entries?.get(slash < 0 ? "" : bytes.slice(slash + 1));
    return entry?.kind === "link" ? entries?.get(entry.target) : entry;
  }

  #entriesOf(layer: ByteString): ReadonlyMap<ByteString, ManifestEntry> | undefined {
    const known = this.#manifests.get(layer);
    if (known !== undefined) return known;
    const entries = readEntries(layer);
    if (entries !== undefined) this.#manifests.set(layer, entries);
    return entries;
  }

  #told<S extends Stats | BigIntStats>(path: PathLike, stats: S | undefined): S | undefined {
    if (stats === undefined) return undefined;
    const entry = this.#entryOf(path);
    if (entry !== undefined) return changed(stats, attributesOf(entry));
    const isActive = this.#isActive(path);
    if (!isActive && !asBytes(path).startsWith(this.#layers)) return stats;
    const kept = isActive ? this.#keptOf(path) : undefined;
    const isOwn = !this.#isRoot && kept?.owner === undefined;
    return changed(stats, isOwn ? { ...kept, owner: { uid: 0, gid: 0 } } : (kept ?? {}));
  }

  #keptOf(path: PathLike): Kept | undefined {
    return this.#kept.size === 0 ? undefined : this.#kept.get(this.#identity(path));
  }

  #keep(path: PathLike): Kept {
    const identity = this.#identity(path);
    const kept = this.#kept.get(identity) ?? {};
    this.#kept.set(identity, kept);
    return kept;
  }

  #identity(path: PathLike): string {
    const stats = this.#real.lstatExact(path);
    return stats === undefined ? "" : `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
  }

  #lchown(path: PathLike, { uid, gid, fd }: { uid: number; gid: number; fd: number | undefined }): void {
    if (!this.#isActive(path)) {
      const isOwn = uid === this.#self.uid && gid === this.#self.gid;
      if (this.#isRoot || isOwn) succeeds(["EPERM", "EINVAL"], () => this.#real.lchown(path, uid, gid, fd));
      return;
    }
    const done = this.#isRoot && succeeds(["EPERM", "EINVAL"], () => this.#real.lchown(path, uid, gid, fd));
    const isImplied = done || (!this.#isRoot && uid === 0 && gid === 0);
    if (!isImplied) this.#keep(path).owner = { uid, gid };
    else delete this.#keptOf(path)?.owner;
  }

  #chmod(path: PathLike, mode: number, fd: number | undefined): void {
    if (!this.#isActive(path)) {
      this.#real.chmod(path, mode, fd);
      return;
    }
    // Who can't read everything must be able to read what is theirs, and wants no program that runs as them.
    const isDirectory = this.#real.lstat(path)?.isDirectory() === true;
    const readable = (mode & 0o777) | (isDirectory ? 0o700 : 0o600);
    const given = this.#readsAll ? mode & permissionMask : readable;
    const done = succeeds(["EPERM"], () => this.#real.chmod(path, given, fd));
    const isThere = (): boolean => ((this.#real.lstat(path)?.mode ?? 0) & permissionMask) === mode;
    const isGiven = done && given === mode && ((mode & setgid) === 0 || isThere());
    if (!isGiven) this.#keep(path).mode = mode & permissionMask;
    else delete this.#keptOf(path)?.mode;
  }

  #mknod(path: PathLike, mode: number, { major, minor }: { major: number; minor: number }): void {
    const make = (): void => this.#real.mknod(path, mode, major, minor);
    if (!this.#isActive(path)) {
      make();
      return;
    }
    if (succeeds(["EPERM"], make)) return;
    closeSync(openSync(path, "wx", 0o600));
    const kept = this.#keep(path);
    kept.device = { type: mode & typeMask, number: makeDevice(major, minor) };
    kept.mode = mode & permissionMask;
  }

  #lsetxattr(path: PathLike, name: string, value: Uint8Array): void {
    if (!this.#isActive(path)) {
      this.#real.lsetxattr(path, asUser(name), value);
      return;
    }
    try {
      this.#real.lsetxattr(path, asUser(name), value);
      this.#keptOf(path)?.xattrs?.delete(name);
    } catch (error) {
      // What root of the machine may not do either isn't kept: a link has no attributes of users.
      const isRefused = codeOf(error) === "EPERM" && !name.startsWith("user.");
      if (!isRefused && !isUnsupported(error)) throw error;
      const kept = this.#keep(path);
      kept.xattrs ??= new Map();
      kept.xattrs.set(name, Buffer.from(value));
    }
  }

  #lgetxattr(path: PathLike, name: string): Buffer | undefined {
    const entry = this.#entryOf(path);
    if (entry !== undefined) {
      const value = entry.xattrs[name];
      return value === undefined ? undefined : Buffer.from(value, "base64");
    }
    return this.#keptOf(path)?.xattrs?.get(name) ?? this.#real.lgetxattr(path, asUser(name));
  }

  #llistxattr(path: PathLike): readonly string[] {
    const entry = this.#entryOf(path);
    if (entry !== undefined) return Object.keys(entry.xattrs);
    const kept = [...(this.#keptOf(path)?.xattrs?.keys() ?? [])];
    return [...new Set([...this.#listed(path), ...kept])];
  }

  #listed(path: PathLike): readonly string[] {
    try {
      return this.#real.llistxattr(path).map(asTrusted);
    } catch (error) {
      if (isUnsupported(error)) return [];
      throw error;
    }
  }

  #lremovexattr(path: PathLike, name: string): void {
    this.#keptOf(path)?.xattrs?.delete(name);
    if (this.#listed(path).includes(name)) this.#real.lremovexattr(path, asUser(name));
  }
}

function readEntries(layer: ByteString): ReadonlyMap<ByteString, ManifestEntry> | undefined {
  try {
    const path = pathOf(manifestPath(layer));
    return new Map([...openManifestSync(path.toString())].map((entry) => [entry.path, entry]));
  } catch (error) {
    // One that is damaged is found by a check, and told when the layer is read.
    if (codeOf(error) === "ENOENT" || isKind(error, "data-loss")) return undefined;
    throw error;
  }
}

/** What an entry says of its file. The time and the size are the file's own. */
function attributesOf({ kind, mode, uid, gid, device }: ManifestEntry): Kept {
  const type = kind === "char" || kind === "block" || kind === "fifo" ? deviceTypes[kind] : undefined;
  return {
    owner: { uid, gid },
    mode,
    ...(type === undefined ? {} : { device: { type, number: BigInt(device) } }),
  };
}

const deviceTypes = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Have what was found tell what was kept. */
function changed<S extends Stats | BigIntStats>(stats: S, { owner, mode, device }: Kept): S {
  const isExact = typeof stats.mode === "bigint";
  const numberOf = (value: number | bigint): number | bigint => (isExact ? BigInt(value) : Number(value));
  const type = device?.type ?? Number(stats.mode) & typeMask;
  return Object.assign(stats, {
    ...(owner === undefined ? {} : { uid: numberOf(owner.uid), gid: numberOf(owner.gid) }),
    ...(device === undefined ? {} : { rdev: numberOf(device.number) }),
    mode: numberOf(type | (mode ?? Number(stats.mode) & permissionMask)),
  });
}

/** @returns false, when the call failed with one of these errors @throws with any other */
function succeeds(codes: readonly string[], call: () => void): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (!codes.includes(codeOf(error) ?? "")) throw error;
    return false;
  }
}

function asBytes(path: PathLike): ByteString {
  return typeof path === "string" ? bytesOf(path) : path.toString("latin1");
}

function asUser(name: string): string {
  return name.startsWith(trustedPrefix) ? userPrefix + name.slice(trustedPrefix.length) : name;
}

function asTrusted(name: string): string {
  return name.startsWith(userPrefix) ? trustedPrefix + name.slice(userPrefix.length) : name;
}
