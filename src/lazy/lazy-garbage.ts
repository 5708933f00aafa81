import { join } from "node:path";
import type { Garbage } from "../base/problem.ts";
import { abandonedDirs, removeAbandoned } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";

/** What servers of layers that were killed have left below the run root: an empty mount point, and what they said of themselves. */
export function lazyGarbage({ runRoot, syscalls }: Pick<Host, "runRoot" | "syscalls">): readonly Garbage[] {
  const parent = join(runRoot, "lazy");
  return abandonedDirs(syscalls, parent).map((name) => ({
    what: `what is left of the server of layers ${name}`,
    remove: () => removeAbandoned(syscalls, join(parent, name)),
  }));
}
