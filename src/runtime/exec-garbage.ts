import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Garbage } from "../base/problem.ts";
import { namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { tryLock } from "../host/lock.ts";
import { conmonPidPath } from "./conmon.ts";

/** Name of the lock in the directory of a process that is being started. */
export const lockName = "lock";

/** Directories of processes of `exec` whose conmon is gone. */
export function execGarbage(host: Pick<Host, "runRoot" | "syscalls">): readonly Garbage[] {
  const parent = join(host.runRoot, "exec");
  return namesIn(parent)
    .filter((name) => !name.endsWith(".log") && isAbandoned(host, join(parent, name)))
    .map((name) => ({
      what: `what is left of process ${name}`,
      remove: async () => {
        for (const path of [join(parent, name), join(parent, `${name}.log`)]) {
          rmSync(path, { recursive: true, force: true });
        }
      },
    }));
}

function isAbandoned({ syscalls }: Pick<Host, "syscalls">, directory: string): boolean {
  if (isWatched(directory)) return false;
  using free = tryLock(syscalls, join(directory, lockName), { create: "file" });
  // It may have come meanwhile.
  return free !== undefined && !isWatched(directory);
}

/** True while the conmon that was given the directory runs: a number alone may be another process's by now. */
function isWatched(directory: string): boolean {
  try {
    const pid = readFileSync(conmonPidPath(directory), "utf8").trim();
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return false;
    throw error;
  }
}
