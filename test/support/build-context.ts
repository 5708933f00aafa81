import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linux } from "../../src/host/syscalls.ts";

/** When the files of a context were changed, seconds since the epoch. */
const changed = 981_173_106n;

/** The attribute of a file that `setcap cap_net_raw+ep` was used on. */
const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");

/**
 * Make a build context with files of each kind, all of them old, in a new directory below `parent`: `file`, `fun.txt`
 * (executable), `a b`, `dir/inner`, `dir/link` (symbolic), `dir/hard` (another name of `inner`), `capable` (extended
 * attributes) and `archive.tar.gz`. `more` is text by name, which has a time of its own.
 */
export function buildContext(parent: string, more: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(parent, "context-"));
  const at = (name: string): string => join(directory, name);
  mkdirSync(at("dir"), { mode: 0o750 });
  for (const name of ["file", "fun.txt", "a b", "dir/inner", "capable"]) writeFileSync(at(name), `${name}\n`);
  chmodSync(at("fun.txt"), 0o755);
  symlinkSync("inner", at("dir/link"));
  linkSync(at("dir/inner"), at("dir/hard"));
  linux.lsetxattr(at("capable"), "security.capability", capability);
  linux.lsetxattr(at("capable"), "user.note", Buffer.from("note"));
  const old = changed * 1_000_000_000n;
  for (const name of ["file", "fun.txt", "a b", "dir/inner", "dir/link", "capable", "dir"])
    linux.lutimes(at(name), old, old);
  execFileSync("tar", [
    "-C",
    directory,
    "--xattrs",
    "--xattrs-include=*",
    "-czf",
    at("archive.tar.gz"),
    "dir",
    "capable",
  ]);
  for (const [name, text] of Object.entries(more)) writeFileSync(at(name), text);
  return directory;
}
