import { readFileSync } from "node:fs";
import { codeOf } from "../base/errors.ts";

/**
 * When a process started, in clock ticks since boot: with its number it names the process for good, as numbers are used again.
 *
 * @returns undefined, when it is gone or a zombie
 * @see proc_pid_stat(5), fields 3 and 22
 */
export function startTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return undefined;
    throw error;
  }
  // The command's name, field 2, may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** True while the process that {@link startTime} named is there. */
export function isAlive(pid: number, started: string): boolean {
  return startTime(pid) === started;
}

/** The processes that the first thread of a process has started and not yet waited for; undefined where the kernel doesn't tell. */
export function childrenOf(pid: number): readonly number[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return undefined;
    throw error;
  }
}

/** End a process at once, if it is there. */
export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
