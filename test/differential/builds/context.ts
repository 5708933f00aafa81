import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { linux } from "../../../src/host/syscalls.ts";

/** A file of a context: its text, or what else it is. All have an old time, directories too, unless one is given. */
export type FileSpec =
  | string
  | {
      readonly text?: string;
      /** A directory, which is empty but for what other names put there. */
      readonly directory?: true;
      /** The target of a symbolic link. */
      readonly to?: string;
      /** The name that it is another name of, relative to the context. */
      readonly hard?: string;
      readonly fifo?: true;
      /** A tar archive of these, compressed as its name says. */
      readonly archive?: Readonly<Record<string, FileSpec>>;
      readonly mode?: number;
      readonly owner?: number;
      /** Seconds since the epoch. */
      readonly time?: number;
      readonly xattr?: string;
    };

/** When files were changed that have no time of their own. */
const longAgo = 981_173_106;

/** Make, change or delete files below a directory. */
export function writeContext(directory: string, files: Readonly<Record<string, FileSpec | null>>): void {
  for (const [name, spec] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirs(dirname(path));
    if (spec === null || lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false)
      rmSync(path, { recursive: true, force: true });
    if (spec !== null) make(directory, path, typeof spec === "string" ? { text: spec } : spec);
  }
}

function make(root: string, path: string, spec: Exclude<FileSpec, string>): void {
  if (spec.directory) mkdirs(path);
  else if (spec.to !== undefined) symlinkSync(spec.to, path);
  else if (spec.hard !== undefined) linkSync(join(root, spec.hard), path);
  else if (spec.fifo) linux.mknod(path, 0o010644, 0, 0);
  else if (spec.archive !== undefined) archive(path, spec.archive);
  else writeFileSync(path, spec.text ?? "");
  if (spec.owner !== undefined) chownSync(path, spec.owner, spec.owner);
  if (spec.mode !== undefined) chmodSync(path, spec.mode);
  if (spec.xattr !== undefined) linux.lsetxattr(path, spec.xattr, Buffer.from("value"));
  date(path, spec.time);
  date(dirname(path));
}

/** Directories that are made have the old time, and give it to the one that they are in. */
function mkdirs(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  mkdirs(dirname(path));
  mkdirSync(path);
  date(path);
  date(dirname(path));
}

function date(path: string, seconds: number = longAgo): void {
  const time = BigInt(seconds) * 1_000_000_000n;
  linux.lutimes(path, time, time);
}

function archive(path: string, files: Readonly<Record<string, FileSpec>>): void {
  const directory = mkdtempSync(`${path}-`);
  writeContext(directory, files);
  execFileSync("tar", [
    "--sort=name",
    "-C",
    directory,
    "-caf",
    path,
    "--",
    ...Object.keys(files).filter((name) => !name.includes("/")),
  ]);
  rmSync(directory, { recursive: true });
}
