import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { PlatformProvenance } from "../../build/attest/attest.ts";
import type { Diagnostic } from "../../dockerfile/ast.ts";
import type { Digest } from "../../oci/digest.ts";
import { platformText } from "../../oci/platform.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import { builderName } from "../flags/builder.ts";
import { warningsJSON } from "../progress/build-json.ts";
import type { BuildValues } from "./build-flags.ts";

/** Write what `--iidfile` and `--metadata-file` ask for, each file whole or not at all. */
export function writeResult(
  values: Pick<BuildValues, "iidfile" | "metadata-file" | "file">,
  result: Written & { readonly diagnostics: readonly Diagnostic[] },
  env: Environment,
): void {
  const { iidfile, "metadata-file": metadata, file } = values;
  if (iidfile !== undefined && result.id !== undefined) writeWhole(iidfile, result.id);
  if (metadata === undefined) return;
  const { diagnostics } = result;
  writeMetadata(metadata, { ...resultMetadata(result, env), ...warningsMetadata([{ diagnostics, file }], env) });
}

/** Refuse files that can't be written, before anything is built. @throws {CliError} */
export function checkResultFiles(values: Partial<Pick<BuildValues, "iidfile" | "metadata-file">>): void {
  const { iidfile, "metadata-file": metadata } = values;
  if (iidfile !== undefined && !existsSync(dirname(iidfile)))
    throw new CliError(`ERROR: writing image ID file: open ${iidfile}: no such file or directory`);
  if (metadata !== undefined && !existsSync(dirname(metadata)))
    throw new CliError(`ERROR: invalid output path: stat ${dirname(metadata)}: no such file or directory`);
}

/** Write what `--metadata-file` of several builds asks for. */
export function writeMetadata(path: string, metadata: object): void {
  writeWhole(path, `${JSON.stringify(metadata, undefined, 2)}\n`);
}

interface Written {
  /** Absent where files alone were built. */
  readonly image?: { readonly id: Digest } | undefined;
  /** In the store, where there is one. */
  readonly index?: Digest | undefined;
  /** Of several platforms, the index's digest. */
  readonly id?: Digest | undefined;
  readonly names: readonly string[];
  readonly sent?: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
  readonly buildID: string;
  readonly provenance?: readonly PlatformProvenance[];
}

/**
 * What is known of a build, under BuildKit's names. As with Docker's own store, an image that stays in it has its ID as its digest.
 *
 * @see buildx, docs/reference/buildx_build.md#metadata-file
 */
export function resultMetadata(result: Written, env: Environment): Readonly<Record<string, unknown>> {
  return sorted({
    ...provenanceMetadata(result.provenance ?? [], env),
    "buildx.build.ref": `${builderName}/${builderName}/${result.buildID}`,
    ...imageMetadata(result),
  });
}

function imageMetadata({ image, id, index, names: tags, sent }: Written): Readonly<Record<string, unknown>> {
  if (image === undefined) return {};
  const names = tags.map((tag) => fullName(withDefaultTag(parseReference(tag))));
  return {
    ...(id === image.id ? { "containerimage.config.digest": image.id } : {}),
    ...(sent === undefined ? {} : { "containerimage.descriptor": sent }),
    "containerimage.digest": sent?.digest ?? index ?? image.id,
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a metadata file has how the result was made, as `BUILDX_METADATA_PROVENANCE` says: without the steps, with them, or not. */
function provenanceMode(env: Environment): "min" | "max" | undefined {
  const given = env["BUILDX_METADATA_PROVENANCE"]?.toLowerCase();
  if (given === "disabled" || given === "false" || given === "0") return undefined;
  return given === "max" ? "max" : "min";
}

/** What a build is asked for beside, where a metadata file is to be written. */
export function metadataOptions(
  { "metadata-file": path }: Pick<BuildValues, "metadata-file">,
  env: Environment,
): { readonly tellsProvenance?: boolean } {
  return path === undefined || provenanceMode(env) === undefined ? {} : { tellsProvenance: true };
}

function provenanceMetadata(told: readonly PlatformProvenance[], env: Environment): Readonly<Record<string, unknown>> {
  const isWhole = provenanceMode(env) === "max";
  const entries = told.map(({ platform, predicate }) => {
    const { buildConfig: _steps, metadata: _metadata, ...least } = predicate;
    const place = told.length > 1 ? `/${platformText(platform)}` : "";
    return [`buildx.build.provenance${place}`, isWhole ? predicate : least] as const;
  });
  return Object.fromEntries(entries);
}

function sorted(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The Dockerfile's warnings, where `BUILDX_METADATA_WARNINGS` asks for them. */
export function warningsMetadata(
  found: readonly { readonly diagnostics: readonly Diagnostic[]; readonly file: string | undefined }[],
  env: Environment,
): Readonly<Record<string, unknown>> {
  if (!/^(?:1|t|true)$/i.test(env["BUILDX_METADATA_WARNINGS"] ?? "")) return {};
  const warnings = found.flatMap(({ diagnostics, file = "Dockerfile" }) => warningsJSON(diagnostics, basename(file)));
  return warnings.length === 0 ? {} : { "buildx.build.warnings": warnings };
}

function writeWhole(path: string, text: string): void {
  // A device or a pipe can't be replaced.
  if (existsSync(path) && !statSync(path).isFile()) {
    writeFileSync(path, text);
    return;
  }
  const partial = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
