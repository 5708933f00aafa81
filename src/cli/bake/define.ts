import type { Surroundings } from "../../bake/definition/globals.ts";
import { loadDefinition } from "../../bake/definition/load.ts";
import { configOfModule } from "../../bake/definition/module.ts";
import type { BakeFile } from "../../bake/definition/parse-file.ts";
import type { Resolved } from "../../bake/definition/resolve.ts";
import type { Config } from "../../bake/definition/target.ts";
import { HclError } from "../../bake/hcl/hcl-error.ts";
import { BerthError, messageOf } from "../../base/errors.ts";
import { hostPlatform, platformText } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import { excerpt } from "../progress/failure.ts";
import { importProgram } from "../request/import-program.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { readDefinition } from "./read-files.ts";

/** Where a definition comes from. */
export interface DefinitionOptions {
  /** As `--file` has them. */
  readonly files: readonly string[];
  /** As `--var` has them: `NAME=value`. */
  readonly variables: readonly string[];
}

/** Read, evaluate and merge the files of a definition. @throws {CliError} with what is wrong in them, and where */
export async function readConfig(
  { files: given, variables }: DefinitionOptions,
  io: Terminal,
): Promise<{ readonly config: Resolved; readonly lookup: Surroundings["lookup"] }> {
  const { files, modules } = await readDefinition(given, io);
  const surroundings = surroundingsOf(variables, io.env);
  try {
    const configs: Config[] = [];
    for (const path of modules) configs.push(await loadModule(path, io.env));
    const compose = async (composed: readonly BakeFile[]): Promise<Config> => {
      const { loadCompose } = await import("../../bake/compose/load-compose.ts");
      return await loadCompose(composed, { lookup: surroundings.lookup, cwd: io.cwd });
    };
    return { config: await loadDefinition(files, surroundings, { compose, configs }), lookup: surroundings.lookup };
  } catch (error) {
    throw shownError(error);
  }
}

function surroundingsOf(given: readonly string[], env: Terminal["env"]): Surroundings {
  const variables = new Map(given.filter((each) => each !== "").map(readVariable));
  const takesEnvironment = !/^(1|t|true)$/i.test(env["BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP"] ?? "");
  return {
    builtin: { BAKE_CMD_CONTEXT: "cwd://", BAKE_LOCAL_PLATFORM: platformText(hostPlatform) },
    lookup: (name) => variables.get(name) ?? (takesEnvironment ? env[name] : undefined),
  };
}

function readVariable(given: string): readonly [name: string, value: string] {
  const equals = given.indexOf("=");
  const quoted = JSON.stringify(given);
  if (equals < 0) throw new CliError(`ERROR: invalid variable ${quoted}, expected key=value`);
  if (equals === 0) throw new CliError(`ERROR: invalid variable ${quoted}, key is empty`);
  return [given.slice(0, equals), given.slice(equals + 1)];
}

/** A module's default export, which is a definition or makes one. */
async function loadModule(path: string, env: Terminal["env"]): Promise<Config> {
  const { default: exported } = await importProgram(path);
  if (exported === undefined)
    throw new BerthError("invalid-argument", `${path} has no default export`, {
      hint: "Write `export default defineBake({ targets: { … } })`.",
    });
  return await configOfModule(path, exported, { env, platform: platformText(hostPlatform) });
}

/** What is wrong in a definition, as buildx shows it: the lines, then the message. */
export function shownError(error: unknown): unknown {
  if (error instanceof HclError) {
    const lines = [...excerpt(error.place), `ERROR: ${error.message}`];
    return new CliError(lines.join("\n"), { cause: error });
  }
  if (error instanceof CliError || !(error instanceof Error)) return error;
  const { hint } = error instanceof BerthError ? error : { hint: undefined };
  return new CliError(`ERROR: ${messageOf(error)}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
}
