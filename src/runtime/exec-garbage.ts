import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Garbage } from "../base/problem.ts";
import { isHeld, namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { conmonPidPath } from "./conmon.ts";

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
  // Its starter lets go of it when its conmon is there.
  return !isHeld(syscalls, directory) && !isWatched(directory);
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
