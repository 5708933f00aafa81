import { BerthError } from "../../base/errors.ts";
import { parseCSV } from "../../dockerfile/csv.ts";
import { CliError } from "../cli-error.ts";
import { parseBool } from "../flags/go-values.ts";

/** What `build --call` asks for in place of a build. @see buildx, util/buildflags/callfunc.go */
export interface BuildCall {
  readonly name: "check" | "outline" | "targets";
  readonly json: boolean;
  /** True where warnings don't make the command fail. */
  readonly ignoreStatus: boolean;
}

/**
 * Read `--call` and its short form `--check`.
 *
 * @returns undefined for a build
 * @throws {CliError} in buildx's words
 */
export function parseBuildCall(text: string | undefined, check: boolean): BuildCall | undefined {
  const { name: given, json, ignoreStatus } = readFields(text ?? "");
  const isBuild = given === "" || given === "build";
  if (isBuild && !check) return undefined;
  const name = isBuild || given === "lint" ? "check" : given;
  if (name === "check" || name === "outline" || name === "targets") return { name, json, ignoreStatus };
  throw new CliError(`ERROR: failed to solve: unsupported request ${name}`, {
    hint: "--call takes check, outline or targets.",
  });
}

function readFields(text: string): Pick<BuildCall, "json" | "ignoreStatus"> & { readonly name: string } {
  const call = { name: "", json: false, ignoreStatus: false };
  for (const field of fieldsOf(text)) {
    const [key, value] = cut(field);
    if (value === undefined && call.name === "") call.name = field;
    else if (value === undefined) throw new CliError(`ERROR: invalid print value: ${text}`);
    else if (key === "format") call.json = value === "json";
    else if (key === "ignorestatus") call.ignoreStatus = status(value);
    else throw new CliError(`ERROR: invalid print field: ${field}`, { hint: errorHint });
  }
  return call;
}

const errorHint =
  "--call takes format=json and ignorestatus=true; `# check=error=true` in the Dockerfile makes warnings errors.";

function fieldsOf(text: string): readonly string[] {
  try {
    return text === "" ? [] : parseCSV(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new CliError(`ERROR: ${error.message}`, { cause: error });
  }
}

function cut(field: string): readonly [string, string?] {
  const at = field.indexOf("=");
  return at < 0 ? [field] : [field.slice(0, at), field.slice(at + 1)];
}

function status(value: string): boolean {
  try {
    return parseBool(value);
  } catch (error) {
    throw new CliError(`ERROR: invalid ignorestatus print value: ${value}`, { cause: error });
  }
}
