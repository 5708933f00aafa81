import { mkdirSync } from "node:fs";
import { codeOf } from "../base/errors.ts";

/** What `-v` does with a path on the host that isn't there: it becomes an empty directory. Files and directories stay as they are. */
export function createBindSource(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    // A file, or anything else that can be mounted, is there.
    if (codeOf(error) !== "EEXIST") throw error;
  }
}
