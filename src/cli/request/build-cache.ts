import { messageOf } from "../../base/errors.ts";
import type { BuildOptions } from "../../build/build.ts";
import { parseCSV } from "../../dockerfile/csv.ts";
import { isDigest } from "../../oci/digest.ts";
import { parseReference } from "../../oci/reference.ts";
import type { CacheExport, CacheForm, CacheImport, RegistryPlace } from "../../remote-cache/options.ts";
import { parseBool } from "../flags/go-values.ts";
import { githubPlace, s3Place, type Take } from "./cloud-cache.ts";
import { parseCompression, parseLevel } from "./compression.ts";

/** One `--cache-to`: into the image itself, or elsewhere. */
export type CacheTo = CacheExport | { readonly type: "inline" };

/** Read a `--cache-from`. Names of images alone may come several in one. @throws the reason, in buildx's words */
export function parseCacheFrom(given: string): readonly CacheImport[] {
  return entriesOf(given).map((entry) => {
    const { take } = entry;
    const mounts = flag(take, "mounts", false);
    return finished(entry, { ...placeFrom(entry), mounts });
  });
}

/** Read a `--cache-to`. @throws as {@link parseCacheFrom} */
export function parseCacheTo(given: string): readonly CacheTo[] {
  return entriesOf(given).map((entry) => {
    if (entry.type === "inline") return finished(entry, inlineOf(entry));
    return finished(entry, { ...placeTo(entry), ...formOf(entry) });
  });
}

/** What `--cache-from` and `--cache-to` ask for together; `BUILDKIT_INLINE_CACHE=1` is `--cache-to type=inline`. */
export function cacheOptions(values: {
  readonly "cache-from": readonly (readonly CacheImport[])[];
  readonly "cache-to": readonly (readonly CacheTo[])[];
  readonly "build-arg": readonly string[];
}): Pick<BuildOptions, "cacheFrom" | "cacheTo" | "inlineCache"> {
  const to = values["cache-to"].flat();
  const asked = values["build-arg"].findLast((arg) => arg.startsWith("BUILDKIT_INLINE_CACHE="));
  const isInline = to.some(({ type }) => type === "inline") || /=(1|t|true)$/i.test(asked ?? "");
  return {
    cacheFrom: values["cache-from"].flat(),
    cacheTo: to.filter((each) => each.type !== "inline"),
    ...(isInline ? { inlineCache: true } : {}),
  };
}

interface Entry {
  readonly type: string;
  readonly take: Take;
  /** The attributes that nobody took. */
  readonly left: () => readonly string[];
}

/** @see buildx util/buildflags/cache.go */
function entriesOf(given: string): readonly Entry[] {
  const fields = fieldsOf(given);
  if (!given.includes("=")) return fields.map((ref) => entryOf("registry", new Map([["ref", ref]])));
  const attributes = new Map(fields.map(readField));
  const type = attributes.get("type");
  attributes.delete("type");
  if (type === undefined || type === "") throw new Error(`type required for ${JSON.stringify(given)}`);
  return [entryOf(type, attributes)];
}

function fieldsOf(given: string): readonly string[] {
  try {
    return parseCSV(given);
  } catch (error) {
    throw new Error(messageOf(error), { cause: error });
  }
}

function readField(field: string): readonly [name: string, value: string] {
  const equals = field.indexOf("=");
  if (equals < 0) throw new Error(`invalid value ${field}`);
  return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
}

function entryOf(type: string, attributes: Map<string, string>): Entry {
  return {
    type,
    take: (name) => {
      const value = attributes.get(name);
      attributes.delete(name);
      return value;
    },
    left: () => [...attributes.keys()],
  };
}

function finished<T>({ type, left }: Entry, value: T): T {
  const [other] = left();
  if (other === undefined) return value;
  throw new Error(`berth has no attribute ${other} of the cache ${type}`);
}

type Place<T> = T extends unknown ? Omit<T, "mounts"> : never;

function placeFrom({ type, take }: Entry): Place<CacheImport> {
  switch (type) {
    case "registry":
      return registryOf(take, "importer");
    case "local": {
      const src = take("src");
      if (src === undefined || src === "") throw new Error("local cache importer requires src");
      const digest = take("digest");
      if (digest !== undefined && !isDigest(digest)) throw new Error(`invalid digest ${JSON.stringify(digest)}`);
      const tag = take("tag") ?? "latest";
      return { type, src, tag, ...(digest === undefined ? {} : { digest }) };
    }
    case "s3":
      return s3Place(take, process.env);
    case "gha":
      return githubPlace(take, process.env);
    case "inline":
      throw new Error("an inline cache is read with type=registry, by the image's name");
    default:
      throw unknown(type, "importer");
  }
}

type PlaceTo = { [Type in CacheExport["type"]]: Omit<Extract<CacheExport, { readonly type: Type }>, keyof CacheForm> };

function placeTo({ type, take }: Entry): PlaceTo[CacheExport["type"]] {
  switch (type) {
    case "registry":
      return registryOf(take, "exporter");
    case "local": {
      const dest = take("dest");
      if (dest === undefined || dest === "") throw new Error("local cache exporter requires dest");
      return { type, dest, tag: take("tag") ?? "latest", reset: flag(take, "reset", false) };
    }
    case "s3":
      return s3Place(take, process.env);
    case "gha":
      return githubPlace(take, process.env);
    default:
      throw unknown(type, "exporter");
  }
}

function registryOf(take: Take, what: "importer" | "exporter"): RegistryPlace {
  const ref = take("ref");
  if (ref === undefined || ref === "") throw new Error(`registry cache ${what} requires ref`);
  parseReference(ref);
  return { type: "registry", ref, insecure: flag(take, "registry.insecure", false) };
}

function unknown(type: string, what: "importer" | "exporter"): Error {
  return new Error(`unknown cache ${what}: ${JSON.stringify(type)}`);
}

function inlineOf({ take }: Entry): { readonly type: "inline" } {
  const mode = take("mode") ?? "min";
  if (mode !== "min") throw new Error("an inline cache has the layers of its image alone: mode=min");
  return { type: "inline" };
}

function formOf({ take }: Entry): CacheForm {
  const mode = take("mode") ?? "min";
  if (mode !== "min" && mode !== "max") throw new Error(`invalid cache export mode: ${mode}`);
  const ociTypes = flag(take, "oci-mediatypes", true);
  const imageManifest = flag(take, "image-manifest", ociTypes);
  if (imageManifest && !ociTypes)
    throw new Error(
      "invalid configuration for remote cache, OCI mediatypes are required for image-manifest cache format",
    );
  const compression = parseCompression(take("compression")) ?? "gzip";
  const level = parseLevel(take("compression-level"), compression);
  if (compression === "zstd" && !ociTypes) throw new Error("zstd needs OCI media types");
  return {
    mode,
    compression,
    ...(level === undefined ? {} : { level }),
    force: flag(take, "force-compression", false),
    imageManifest,
    ociTypes,
    ignoreError: flag(take, "ignore-error", false),
    mounts: flag(take, "mounts", false),
  };
}

function flag(take: Take, name: string, otherwise: boolean): boolean {
  const given = take(name);
  if (given === undefined) return otherwise;
  try {
    return given === "" ? true : parseBool(given);
  } catch (error) {
    throw new Error(`failed to parse ${name}: non-bool value ${given}`, { cause: error });
  }
}
