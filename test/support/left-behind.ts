import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../src/base/errors.ts";
import type { Berth } from "./berth.ts";

/** What a command has left that is to be gone when it has ended: processes, mounts, steps, leases, active snapshots; a line each. */
export function leftBehind({ directory, env }: Berth): readonly string[] {
  const runRoot = env["BERTH_RUN_ROOT"] ?? "";
  const root = env["BERTH_ROOT"] ?? "";
  return [
    ...processes(runRoot).map((command) => `process ${command}`),
    ...mounts(directory)
      .filter((place) => place !== root)
      .map((place) => `mount ${place}`),
    ...namesIn(runRoot)
      .filter((name) => name.startsWith("step-"))
      .map((name) => `step ${name}`),
    ...namesIn(join(runRoot, "crun")).map((name) => `container ${name}`),
    ...namesIn(join(root, "leases")).map((name) => `lease ${name}`),
    ...namesIn(join(root, "tmp")).map((name) => `temporary ${name}`),
  ];
}

/** Names in a directory; none where there is no such directory, or it is a file. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** The command lines that name a directory. */
function processes(directory: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim())
    .filter((command) => command.includes(directory));
}

function mounts(directory: string): readonly string[] {
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return lines.map((line) => line.split(" ")[1] ?? "").filter((place) => place.startsWith(directory));
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // The process has ended meanwhile.
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return "";
    throw error;
  }
}
