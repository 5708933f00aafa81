import { messageOf } from "../../base/errors.ts";
import type { BuildAnnotation } from "../../build/annotations.ts";
import type { ImageForm } from "../../image/shipped-image.ts";
import type { LayerCompression } from "../../oci/image-index.ts";
import { CliError } from "../cli-error.ts";
import { parseBool } from "../flags/go-values.ts";
import { type Annotation, parseAnnotations } from "../imagetools/annotations.ts";
import { parseCompression, parseLevel } from "./compression.ts";

/** Takes an attribute of an output, which is gone then. */
export type Take = (name: string) => string | undefined;

/** A truth value of an output; `usual` where it isn't given. @throws {CliError} in BuildKit's words */
export function flagOf(take: Take, name: string, usual: boolean): boolean {
  const text = take(name);
  if (text === undefined) return usual;
  try {
    return parseBool(text);
  } catch (error) {
    throw wrong(`non-bool value specified for ${name}`, error);
  }
}

/**
 * What an output says of the form of its image.
 *
 * @param usual how layers are compressed where nothing is said of that
 * @returns undefined where it says nothing
 * @throws {CliError}
 */
export function formOf(
  take: Take,
  usual: LayerCompression = "gzip",
): (ImageForm & { readonly compression: LayerCompression }) | undefined {
  const given = told(() => parseCompression(take("compression")));
  const compression = given ?? usual;
  const level = told(() => parseLevel(take("compression-level"), compression));
  const forced = flagOf(take, "force-compression", false);
  const types = take("oci-mediatypes");
  const isOCI = types === undefined || flagOf(() => types, "oci-mediatypes", true);
  if (!isOCI && compression === "zstd")
    throw wrong('exporter option "compression=zstd" conflicts with "oci-mediatypes=false"');
  if (given === undefined && level === undefined && !forced && types === undefined) return undefined;
  return {
    compression,
    keepsWhatCame: !forced,
    ...(level === undefined ? {} : { level }),
    ...(isOCI ? {} : { family: "docker" }),
  };
}

function told<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw wrong(messageOf(error), error);
  }
}

/** Times are clamped in every build that has SOURCE_DATE_EPOCH, and in no other. @throws {CliError} where that isn't what is asked for */
export function checkTimestamps(take: Take, hasEpoch: boolean): void {
  const given = take("rewrite-timestamp");
  if (given === undefined) return;
  const asked = flagOf(() => given, "rewrite-timestamp", false);
  if (asked === hasEpoch) return;
  if (asked)
    throw wrong("rewrite-timestamp needs SOURCE_DATE_EPOCH", undefined, "Give it by --build-arg SOURCE_DATE_EPOCH=…");
  throw wrong("with SOURCE_DATE_EPOCH, no file of a layer is newer", undefined, "Leave rewrite-timestamp=false out.");
}

/** `annotation[-LEVEL][[PLATFORM]].KEY=VALUE` among attributes, as `--annotation` gives them. */
export function annotationsOf(names: Iterable<string>, take: Take): readonly BuildAnnotation[] {
  return [...names].flatMap((name) => {
    const found = /^annotation(?:-([a-z-]+))?(\[[a-z0-9_/-]+\])?\.(\S+)$/.exec(name);
    if (found === null) return [];
    const [, level = "manifest", platform = "", key] = found;
    return buildAnnotations([`${level}${platform}:${key}=${take(name) ?? ""}`]);
  });
}

/** Read `--annotation`. @throws {CliError} */
export function buildAnnotations(given: readonly string[]): readonly BuildAnnotation[] {
  return parseAnnotations(given).map(({ type, platform, key, value }) => ({
    level: levelNamed(type),
    key,
    value,
    ...(platform === undefined ? {} : { platform }),
  }));
}

function levelNamed(type: Annotation["type"]): BuildAnnotation["level"] {
  if (type === "") return "manifest";
  if (type === "manifest" || type === "manifest-descriptor" || type === "index") return type;
  throw new CliError(
    `ERROR: berth has no annotations for the ${type}: nothing in the store or a registry would hold them`,
    {
      hint: "`index:KEY=VALUE` is for the index itself.",
    },
  );
}

/** The error for an output that can't be. */
export function wrong(message: string, cause?: unknown, hint?: string): CliError {
  return new CliError(`ERROR: ${message}`, { cause, ...(hint === undefined ? {} : { hint }) });
}
