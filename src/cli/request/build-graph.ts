import { existsSync } from "node:fs";
import { messageOf } from "../../base/errors.ts";
import { isStage } from "../../build/typed/data.ts";
import type { BuildGraph } from "../../build/typed/graph.ts";
import { CliError } from "../cli-error.ts";
import { Program } from "./import-program.ts";

/**
 * What a program exports to be built: each stage, and each function that makes one, under its name.
 *
 * @param program the same, where it is run again and again
 * @throws {CliError}
 */
export async function loadBuildGraph(file: string, program: Program = new Program(file)): Promise<BuildGraph> {
  if (!existsSync(file))
    throw new CliError(`ERROR: open ${file}: no such file or directory`, {
      hint: "A TypeScript file with stages is a program: it is a file of this machine, and never one of a context from elsewhere.",
    });
  const exported = await program.load().catch((error: unknown) => {
    throw new CliError(`ERROR: ${messageOf(error)}`, { cause: error });
  });
  if ("default" in exported)
    throw new CliError(`ERROR: ${file} has a default export: a stage to build is exported under a name`, {
      hint: 'Write `export const app = from("debian");` and choose it with --target app.',
    });
  const stages = Object.entries(exported).filter(([, value]) => isStage(value) || typeof value === "function");
  if (stages.length === 0)
    throw new CliError(`ERROR: ${file} exports no stage`, { hint: 'Write `export const app = from("debian");`.' });
  // What a function gives is looked at when it was called.
  return Object.fromEntries(stages) as BuildGraph;
}
