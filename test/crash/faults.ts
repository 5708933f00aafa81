import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Berth, berthCommand } from "../support/berth.ts";
import { type Outcome, runProgram } from "../support/program.ts";

/** System calls that change what is on disk, or make it last. */
const writingCalls = [
  ...["openat", "write", "pwrite64", "writev", "ftruncate", "fallocate", "fsync", "fdatasync", "syncfs"],
  ...["rename", "renameat2", "link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "mknod", "mknodat"],
  ...["mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "utimensat"],
  ...["setxattr", "lsetxattr", "fsetxattr", "flock", "mount"],
];

/** Stop the traced program at these calls only, which is much quicker. */
const filtered = "--seccomp-bpf";

/** One call of a command: the `when`-th one of its name in its thread. */
export interface Point {
  readonly call: string;
  readonly when: number;
}

/** What happens at a point: the process is killed, or the call fails. */
export type Effect = "SIGKILL" | "ENOSPC" | "EIO" | "EDQUOT";

/** What a command did that a fault was put into. */
export interface Faulted extends Outcome {
  /** The point was reached. */
  readonly hit: boolean;
}

/** Every point of a command that writes. Threads take turns as they like, so that another run may not reach each. */
export async function pointsOf(berth: Berth, args: readonly string[]): Promise<readonly Point[]> {
  const { trace, code, stderr } = await traced(berth, args, [filtered]);
  if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}: ${stderr}`);
  const counts = new Map<string, number>();
  const points = new Map<string, Point>();
  for (const line of trace.split("\n")) {
    const match = /^(\d+) +(\w+)\((.*)/.exec(line);
    if (match === null) continue;
    const [, thread, call = "", rest = ""] = match;
    const when = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, when);
    const reads = call === "openat" && !/O_CREAT|O_TRUNC/.test(rest);
    // Pipes and what the runtime keeps elsewhere are no disk of ours.
    if (!reads && rest.includes(berth.directory)) points.set(`${call} ${when}`, { call, when });
  }
  return [...points.values()];
}

/** Run a command with a fault in it. */
export async function runWithFault(
  berth: Berth,
  args: readonly string[],
  { point, effect }: { readonly point: Point; readonly effect: Effect },
): Promise<Faulted> {
  const [call, when] = [point.call, `when=${point.when}`];
  // strace injects no signal where it lets the kernel filter the calls.
  const options =
    effect === "SIGKILL"
      ? [`--inject=${call}:signal=SIGKILL:${when}`]
      : [filtered, `--inject=${call}:error=${effect}:${when}`];
  const { trace, ...outcome } = await traced(berth, args, options);
  return { ...outcome, hit: effect === "SIGKILL" ? outcome.code === 137 : trace.includes("(INJECTED)") };
}

async function traced(
  berth: Berth,
  args: readonly string[],
  options: readonly string[],
): Promise<Outcome & { readonly trace: string }> {
  const path = join(berth.directory, "trace");
  const flags = ["--follow-forks", "--decode-fds=path", "--string-limit=256", "--quiet=all", `--output=${path}`];
  const calls = `--trace=${writingCalls.join(",")}`;
  const outcome = await runProgram("strace", [...flags, calls, ...options, "--", berthCommand, ...args], {
    cwd: berth.directory,
    env: berth.env,
  });
  const trace = await readFile(path, "utf8");
  await rm(path);
  return { ...outcome, trace };
}
