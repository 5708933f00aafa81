import { createReadStream, existsSync } from "node:fs";
import type { BakeFile } from "../../bake/definition/parse-file.ts";
import { bakeLimits } from "../../bake/limits.ts";
import { codeOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What is looked for where no `--file` is given: all of them that are there, in this order. @see buildx, bake/bake.go */
const defaultNames: readonly string[] = [
  "compose.yaml",
  "compose.yml",
  "docker-compose.yml",
  "docker-compose.yaml",
  "docker-bake.json",
  "docker-bake.hcl",
  "docker-bake.override.json",
  "docker-bake.override.hcl",
];

/** The files of a definition: those of data with their text, and modules that are loaded. */
export interface DefinitionFiles {
  readonly files: readonly BakeFile[];
  /** Paths. */
  readonly modules: readonly string[];
}

/** Find and read the files of a definition; `-` is standard input. @throws {CliError} in buildx's words */
export async function readDefinition(given: readonly string[], io: Terminal): Promise<DefinitionFiles> {
  const asked = given.length > 0 ? given : filesOfEnvironment(io.env);
  const names = asked.length > 0 ? asked : defaultNames.filter((name) => existsSync(name));
  if (names.length === 0)
    throw new CliError("ERROR: couldn't find a bake definition", {
      hint: "Write a docker-bake.hcl, or name a file with -f.",
    });
  const local = names.map((name) => name.replace(/^cwd:\/\//, ""));
  const modules = local.filter(isModule);
  const files: BakeFile[] = [];
  for (const name of local.filter((each) => !isModule(each))) files.push({ name, text: await textOf(name, io) });
  return { files, modules };
}

function isModule(name: string): boolean {
  return /\.[cm]?[jt]s$/.test(name);
}

function filesOfEnvironment(env: Terminal["env"]): readonly string[] {
  const separator = env["BUILDX_BAKE_PATH_SEPARATOR"] || ":";
  const names = (env["BUILDX_BAKE_FILE"] ?? "").split(separator).map((name) => name.trim());
  return names.filter((name) => name !== "");
}

async function textOf(name: string, { stdin }: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of name === "-" ? stdin : createReadStream(name)) {
      const bytes = Buffer.from(chunk);
      size += bytes.length;
      if (size > bakeLimits.bytes) throw new CliError(`ERROR: a bake definition has at most ${bakeLimits.bytes} bytes`);
      chunks.push(bytes);
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT")
      throw new CliError(`ERROR: open ${name}: no such file or directory`, { cause: error });
    if (codeOf(error) === "EISDIR") throw new CliError(`ERROR: read ${name}: is a directory`, { cause: error });
    throw error;
  }
  return Buffer.concat(chunks).toString("utf8");
}
