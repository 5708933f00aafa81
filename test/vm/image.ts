import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** The working copy. */
const project: string = join(import.meta.dirname, "../..");

/** What a machine boots from, made of Debian's packages and of this working copy. */
export interface MachineImage {
  readonly kernel: string;
  readonly initrd: string;
  /** Disks as ext4 images: Debian, the project's packages, the project. A machine never writes to them. */
  readonly disks: readonly [root: string, packages: string, project: string];
}

/** Thrown where no machine can be made: nothing is wrong with what it was to test. */
export class CannotBoot extends Error {
  override readonly name = "CannotBoot";
}

/** Exit code of `scripts/vm-image` where a machine can't be made. */
const cannot = 3;

/** Packages that only checks and builds need. */
const leftOut = /^(@biomejs|@typescript|typescript|knip|esbuild|@esbuild|\.cache|\.vite.*)$/;

/**
 * Make what a machine boots from; what doesn't change is kept in the cache directory.
 *
 * @param scratch a directory for the disk of this run
 * @throws {CannotBoot}
 */
export async function makeImage(scratch: string): Promise<MachineImage> {
  const image = await debianImage();
  const packages = join(dirname(image), `vm-packages-${digestOf(join(project, "package-lock.json"))}.ext4`);
  if (!existsSync(packages)) {
    // Under another name first, so that one that is there is whole.
    const made = `${packages}.${process.pid}`;
    copyPackages(join(scratch, "packages"));
    await makeDisk(made, { from: join(scratch, "packages"), size: "1G" });
    renameSync(made, packages);
  }
  const disk = join(scratch, "project.ext4");
  await copyProject(join(scratch, "project"));
  await makeDisk(disk, { from: join(scratch, "project"), size: "256M" });
  return {
    kernel: join(image, "kernel"),
    initrd: join(image, "initrd"),
    disks: [join(image, "root.ext4"), packages, disk],
  };
}

/** Make a disk with an ext4 file system, empty or with the contents of a directory, which is deleted. */
export async function makeDisk(
  path: string,
  { from, size }: { readonly from?: string; readonly size: string },
): Promise<void> {
  await execute("mke2fs", ["-q", "-t", "ext4", ...(from === undefined ? [] : ["-d", from]), path, size]);
  if (from !== undefined) rmSync(from, { recursive: true });
}

async function debianImage(): Promise<string> {
  const script = spawn(join(project, "scripts/vm-image"), { stdio: ["ignore", "pipe", "pipe"] });
  const [printed, said] = await Promise.all([text(script.stdout), text(script.stderr), once(script, "close")]);
  if (script.exitCode === 0) return printed.trim();
  const message = said.trim().split("\n").at(-1) ?? "";
  if (script.exitCode === cannot) throw new CannotBoot(message);
  throw new Error(`scripts/vm-image ended with ${script.exitCode}: ${said}`);
}

function digestOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 8);
}

function copyPackages(to: string): void {
  const from = join(project, "node_modules");
  cpSync(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => dirname(path) !== from || !leftOut.test(path.slice(from.length + 1)),
  });
}

/** What git knows of or would take, and the built command. */
async function copyProject(to: string): Promise<void> {
  const { stdout } = await execute("git", ["-C", project, "ls-files", "-z", "-co", "--exclude-standard"]);
  for (const path of [...stdout.split("\0"), "dist"]) {
    // A file that was deleted and not committed is still listed; links to packages of another place are of no use inside.
    if (path === "" || path === "node_modules" || !existsSync(join(project, path))) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    cpSync(join(project, path), join(to, path), { recursive: true, preserveTimestamps: true });
  }
  rmSync(join(to, "dist/compile-cache"), { recursive: true, force: true });
  mkdirSync(join(to, "node_modules"), { recursive: true });
}
