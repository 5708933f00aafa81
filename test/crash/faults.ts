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
  /** The fault met a call on the store's files. */
  readonly hit: boolean;
  /** It didn't end by itself. No disk's error meets a pipe as well: what Node's own pipes do then is no finding. */
  readonly hung: boolean;
}

/** Seconds after which a command doesn't end any more: some hundred times what each of them takes. */
const patience = 120;

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
  if (effect === "SIGKILL") return { ...outcome, hit: outcome.code === 137, hung: false };
  const failed = failedCalls(trace).map((call) => call.includes(berth.directory));
  return { ...outcome, hit: failed.includes(true), hung: outcome.code === 137 && !failed.includes(false) };
}

/** The calls that were made to fail: in each thread the `when`-th, whatever file it was for. */
function failedCalls(trace: string): readonly string[] {
  const lines = trace.split("\n");
  return lines.flatMap((line, index) => {
    if (!line.includes("(INJECTED)")) return [];
    const thread = /^\d+ +/.exec(line)?.[0] ?? "";
    if (!line.startsWith(`${thread}<...`)) return [line];
    return [lines.slice(0, index).findLast((earlier) => earlier.startsWith(thread)) ?? line];
  });
}

async function traced(
  berth: Berth,
  args: readonly string[],
  options: readonly string[],
): Promise<Outcome & { readonly trace: string }> {
  const path = join(berth.directory, "trace");
  const flags = ["--follow-forks", "--decode-fds=path", "--string-limit=256", "--quiet=all", `--output=${path}`];
  const calls = `--trace=${writingCalls.join(",")}`;
  const strace = ["strace", ...flags, calls, ...options, "--", berthCommand, ...args];
  const outcome = await runProgram("timeout", ["--signal=KILL", String(patience), ...strace], {
    cwd: berth.directory,
    env: berth.env,
  });
  const trace = await readFile(path, "utf8");
  await rm(path);
  return { ...outcome, trace };
}
