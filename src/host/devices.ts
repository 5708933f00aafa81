import { lstatSync, readdirSync, realpathSync, type Stats } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";

/** A device node of this machine. */
export interface Device {
  /** Absolute. */
  readonly path: string;
  /** Character or block. */
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What a container has of its own. */
const passedOver: ReadonlySet<string> = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  ".lxc",
  ".lxd-mounts",
  ".udev",
  "console",
]);

/** Every device node below `/dev`, but for those that a container has of its own. */
export function machineDevices(directory = "/dev"): readonly Device[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (passedOver.has(entry.name)) return [];
    if (entry.isDirectory()) return machineDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    const stats = statIfThere(path);
    return stats === undefined ? [] : [deviceOf(path, stats)];
  });
}

function deviceOf(path: string, { mode, uid, gid, rdev }: Stats): Device {
  const isBlock = (mode & 0o170000) === 0o060000;
  // glibc's gnu_dev_major and gnu_dev_minor, for numbers below 2^32, which all of Linux's are.
  const major = (rdev >>> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return { path, type: isBlock ? "b" : "c", major, minor, mode: mode & 0o7777, uid, gid };
}

/** The device node at a path; undefined for what is none. */
export function deviceAt(path: string): Device | undefined {
  const stats = statIfThere(realPathIfThere(path));
  return stats?.isCharacterDevice() === true || stats?.isBlockDevice() === true ? deviceOf(path, stats) : undefined;
}

function realPathIfThere(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return path;
    throw error;
  }
}

/** Undefined for one that was pulled out meanwhile. */
function statIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
