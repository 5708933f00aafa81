import { join } from "node:path";
import type { Mount } from "../host/mount.ts";

/** What {@link enterFiles} makes files of. */
export interface EnterInput {
  /** The root file system, bottom first. */
  readonly mounts: readonly Mount[];
  /** The bundle: where the files go and `rootfs`, which must exist, is put together. */
  readonly directory: string;
  /** crun refuses a machine with cgroups v1 and an empty v2 hierarchy beside them, unless it doesn't see that one. */
  readonly hideUnified: boolean;
}

/** A file to be written. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/**
 * A shell script that runs in a fresh mount namespace, mounts a root file system and becomes the program in its
 * arguments, and the tables of mounts that it needs, in the format of fstab(5): one process mounts a whole table.
 *
 * The mounts live in that namespace and, from there, in the container's, and nowhere else: nothing has to be unmounted
 * when the container ends or the machine loses power.
 */
export function enterFiles({ mounts, directory, hideUnified }: EnterInput): {
  readonly script: TextFile;
  readonly tables: readonly TextFile[];
} {
  const rootfs = join(directory, "rootfs");
  const tables = byDirectory(hideUnified ? [...mounts, unifiedCover] : mounts).map((group, index) => ({
    path: join(directory, `mounts-${index}`),
    text: group.map((mount) => `${tableLine(mount, rootfs)}\n`).join(""),
    cwd: group[0]?.cwd ?? "/",
  }));
  const lines = tables.map(({ path, cwd }) => `cd ${quote(cwd)}\nmount --all --fstab ${quote(path)}`);
  const text = ["set -e", ...lines, "cd /", 'exec "$@"', ""].join("\n");
  return { script: { path: enterPath(directory), text }, tables };
}

/** Where the script of a bundle lies. */
export function enterPath(directory: string): string {
  return join(directory, "enter");
}

/**
 * The words that start the script of {@link enterFiles} in a mount namespace of its own, which sees later mounts of the host.
 *
 * @param like the process whose namespace it is a copy of; the caller's when absent
 */
export function inNamespace(script: string, like?: number): readonly string[] {
  const entered = like === undefined ? [] : ["nsenter", "--target", String(like), "--mount", "--root"];
  return [...entered, ...ownNamespace, script];
}

/** Words that start a shell in a mount namespace of its own, which sees later mounts of the host where those are shared. */
export const ownNamespace = ["unshare", "--mount", "--propagation", "slave", "/bin/sh"] as const;

/** crun makes directories there whatever it finds, so it gets a place of its own, which is gone with the namespace. */
const unifiedCover: Mount & { readonly place: string } = {
  type: "tmpfs",
  source: "none",
  place: "/sys/fs/cgroup/unified",
  options: ["mode=755"],
};

type PlacedMount = Mount & { readonly place?: string };

/** Neighbours that share a working directory, or need none, go into one table. */
function byDirectory(mounts: readonly PlacedMount[]): readonly (readonly PlacedMount[])[] {
  const groups: PlacedMount[][] = [];
  for (const mount of mounts) {
    const last = groups.at(-1);
    if (last !== undefined && (mount.cwd === undefined || mount.cwd === last[0]?.cwd)) last.push(mount);
    else groups.push([mount]);
  }
  return groups;
}

function tableLine({ source, target = "", type, options, place }: PlacedMount, rootfs: string): string {
  const fields = [source, place ?? `${rootfs}${target}`, type, options.join(",") || "defaults"];
  return `${fields.map(escaped).join(" ")} 0 0`;
}

/** @see fstab(5): octal for what separates fields */
function escaped(field: string): string {
  return field.replace(/[\s\\#]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

/** One word for a POSIX shell. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
