import { messageOf } from "../../base/errors.ts";
import type { AttestOptions, ProvenanceOptions, SbomGenerator } from "../../build/attest/options.ts";
import { parseCSV } from "../../dockerfile/csv.ts";
import { CliError } from "../cli-error.ts";
import { parseBool } from "../flags/go-values.ts";

interface Attest {
  readonly type: string;
  readonly isDisabled: boolean;
  readonly attributes: ReadonlyMap<string, string>;
}

/** What `--attest`, `--provenance` and `--sbom` ask for together; of each type the last counts. @throws {CliError} in buildx's words */
export function attestOptions(values: {
  readonly attest: readonly string[];
  readonly provenance: string | undefined;
  readonly sbom: string | undefined;
}): AttestOptions {
  const given = [...values.attest, ...named("provenance", values.provenance), ...named("sbom", values.sbom)];
  const asked = new Map(given.map(parseAttest).map((each) => [each.type, each]));
  for (const type of asked.keys())
    if (type !== "provenance" && type !== "sbom")
      throw wrong(`invalid attestation type ${JSON.stringify(type)}`, "There are provenance and sbom.");
  const [provenance, sbom] = [asked.get("provenance"), asked.get("sbom")];
  return {
    ...(provenance === undefined || provenance.isDisabled ? {} : { provenance: provenanceOf(provenance.attributes) }),
    ...(sbom === undefined || sbom.isDisabled ? {} : { sbom: sbomOf(sbom.attributes) }),
  };
}

/** The value of a shorthand as `--attest` has it. */
function named(type: string, text: string | undefined): readonly string[] {
  if (text === undefined || text === "") return [];
  const isOn = boolOf(text);
  return [isOn === undefined ? `type=${type},${text}` : `type=${type},disabled=${!isOn}`];
}

function parseAttest(text: string): Attest {
  let type = "";
  let isDisabled = false;
  const attributes = new Map<string, string>();
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf("=");
    if (equals < 0) throw wrong(`invalid value ${field}`);
    const [name, value] = [field.slice(0, equals), field.slice(equals + 1)];
    const key = name.trim().toLowerCase();
    if (key === "type") type = value;
    else if (key === "disabled") isDisabled = boolOf(value) ?? fail(`invalid value ${field}`);
    else attributes.set(name, value);
  }
  if (type === "") throw wrong("attestation type not specified");
  return { type, isDisabled, attributes };
}

function fieldsOf(text: string): readonly string[] {
  try {
    return parseCSV(text);
  } catch (error) {
    throw wrong(messageOf(error));
  }
}

function provenanceOf(attributes: ReadonlyMap<string, string>): ProvenanceOptions {
  const known = ["mode", "version", "builder-id", "reproducible", "inline-only", "filename"];
  const other = [...attributes.keys()].find((name) => !known.includes(name));
  if (other !== undefined) throw wrong(`berth's provenance has no ${other}`, `It has ${known.join(", ")}.`);
  const mode = attributes.get("mode") ?? "max";
  if (mode !== "min" && mode !== "max") throw wrong(`invalid mode ${JSON.stringify(mode)}`);
  const version = attributes.get("version") ?? "v1";
  if (version !== "v1" && version !== "v0.2") throw wrong(`invalid provenance SLSA version: ${version}`);
  const [builderID, filename] = [attributes.get("builder-id"), attributes.get("filename")];
  return {
    ...{ mode, version, reproducible: flag(attributes, "reproducible"), inlineOnly: flag(attributes, "inline-only") },
    ...(builderID === undefined ? {} : { builderID }),
    ...(filename === undefined || filename === "" ? {} : { filename: plainName(filename) }),
  };
}

function plainName(filename: string): string {
  if (!filename.includes("/") && filename !== "." && filename !== "..") return filename;
  throw wrong(`the provenance's filename ${filename} is no plain name`);
}

function flag(attributes: ReadonlyMap<string, string>, name: string): boolean {
  const text = attributes.get(name) ?? "false";
  return boolOf(text) ?? fail(`invalid value ${name}=${text}`);
}

/** Without a generator berth lists packages itself, and knows no parameters. */
function sbomOf(attributes: ReadonlyMap<string, string>): true | SbomGenerator {
  const { generator, ...parameters } = Object.fromEntries(attributes);
  const [other] = Object.keys(parameters);
  if (generator === undefined && other === undefined) return true;
  if (generator === undefined)
    throw wrong(`berth's sbom has no ${other}`, "Parameters are a generator's: generator=IMAGE.");
  if (generator === "") throw wrong("sbom generator cannot be empty");
  return { generator, parameters };
}

function boolOf(text: string): boolean | undefined {
  try {
    return parseBool(text);
  } catch {
    return undefined;
  }
}

function fail(message: string): never {
  throw wrong(message);
}

function wrong(message: string, hint?: string): CliError {
  return new CliError(`ERROR: ${message}`, hint === undefined ? {} : { hint });
}
