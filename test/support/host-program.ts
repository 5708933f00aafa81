import { copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { runProgram } from "./program.ts";

/** Copy programs of this machine, and the libraries that they load, to the same places below a directory. */
export async function copyPrograms(directory: string, programs: readonly string[]): Promise<void> {
  const { stdout } = await runProgram("ldd", programs);
  const libraries = [...stdout.matchAll(/(?:=> |^\s+)(\/\S+) \(/gm)].flatMap(([, path]) => path ?? []);
  for (const path of new Set([...programs, ...libraries])) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    copyFileSync(path, join(directory, path));
  }
}
