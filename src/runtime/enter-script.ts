import type { Mount } from "../host/mount.ts";

/** What {@link enterScript} makes a script of. */
export interface EnterInput {
  /** The root file system, bottom first. */
  readonly mounts: readonly Mount[];
  /** Where it is put together; must exist. */
  readonly rootfs: string;
  /** crun refuses a machine with cgroups v1 and an empty v2 hierarchy beside them, unless it doesn't see that one. */
  readonly hideUnified: boolean;
}

/**
 * A shell script that runs in a fresh mount namespace, mounts a root file system and becomes the program in its arguments.
 *
 * The mounts live in that namespace and, from there, in the container's, and nowhere else: nothing has to be unmounted
 * when the container ends or the machine loses power.
 */
export function enterScript({ mounts, rootfs, hideUnified }: EnterInput): string {
  const lines = mounts.map(({ type, source, target = "", options, cwd }) => {
    const mount = `mount -t ${quote(type)} -o ${quote(options.join(","))} ${quote(source)} ${quote(`${rootfs}${target}`)}`;
    return cwd === undefined ? mount : `cd ${quote(cwd)}\n${mount}`;
  });
  const hide = hideUnified ? ["umount -l /sys/fs/cgroup/unified"] : [];
  return ["set -e", ...lines, "cd /", ...hide, 'exec "$@"', ""].join("\n");
}

/** The words that start {@link enterScript} in a mount namespace of its own, which sees later mounts of the host. */
export function inNamespace(script: string): readonly string[] {
  return ["unshare", "--mount", "--propagation", "slave", "/bin/sh", script];
}

/** One word for a POSIX shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
