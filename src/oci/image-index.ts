import { boundJson } from "../base/json-bounds.ts";
import { isObject } from "../base/json-object.ts";
import { type Digest, isDigest } from "./digest.ts";
import { isPlatformValue, type Platform } from "./platform.ts";

/** What points to a blob. @see image-spec v1.1 descriptor.md */
export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly platform?: Platform | null;
}

/** What a manifest points to. @see image-spec v1.1 manifest.md */
export interface ManifestParts {
  readonly config: Descriptor;
  /** The bottom one first. */
  readonly layers: readonly Descriptor[];
}

/** OCI's media type of an index. @see image-spec v1.1 media-types.md */
export const indexType = "application/vnd.oci.image.index.v1+json";
/** OCI's media type of a manifest. @see image-spec v1.1 media-types.md */
export const manifestType = "application/vnd.oci.image.manifest.v1+json";

const indexTypes: ReadonlySet<string> = new Set([
  indexType,
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const manifestTypes: ReadonlySet<string> = new Set([
  manifestType,
  "application/vnd.docker.distribution.manifest.v2+json",
]);

/** What a descriptor says that it points to. */
export function kindOf({ mediaType = "" }: Descriptor): "index" | "manifest" | "other" {
  if (indexTypes.has(mediaType)) return "index";
  return manifestTypes.has(mediaType) ? "manifest" : "other";
}

/** How the archive of a layer is compressed where it travels. */
export type LayerCompression = "none" | "gzip" | "zstd";

/** What a media type says of a layer's compression; undefined where it is that of no layer. @see image-spec v1.1 layer.md */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  const found = /^application\/vnd\.(?:oci\.image\.layer|docker\.image\.rootfs)\..*\btar(?:[.+](gzip|zstd))?$/.exec(
    mediaType,
  );
  if (found === null) return undefined;
  return found[1] === "gzip" || found[1] === "zstd" ? found[1] : "none";
}

/** The manifest that an attestation is of; `""` where it doesn't say. Undefined for what is no attestation. @see BuildKit docs/attestations/attestation-storage.md */
export function attestedBy({ annotations }: Descriptor): string | undefined {
  if (annotations?.["vnd.docker.reference.type"] !== "attestation-manifest") return undefined;
  return annotations["vnd.docker.reference.digest"] ?? "";
}

/** True for the entry of an image: an attestation is none, nor is what runs nowhere. */
export function isImageEntry(entry: Descriptor): boolean {
  return attestedBy(entry) === undefined && entry.platform?.os !== "unknown";
}

/** JSON, parsed; undefined for bytes that are none. @throws {BerthError} invalid-argument, as {@link boundJson} */
export function jsonIn(bytes: Uint8Array): unknown {
  boundJson(bytes);
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The entries of an index, in its order; undefined for what is no index. @param value parsed JSON */
export function entriesOf(value: unknown): readonly Descriptor[] | undefined {
  const { manifests } = (value ?? {}) as Record<string, unknown>;
  return Array.isArray(manifests) && manifests.every(isDescriptor) ? manifests : undefined;
}

/** What an index leads to. */
export interface IndexContents {
  /** Every manifest, in order. */
  readonly manifests: readonly Descriptor[];
  /** The indexes in it, at any depth, each behind those that it names. */
  readonly inner: readonly Descriptor[];
}

/**
 * What an index leads to, through the indexes in it, each of which is looked into once. One that isn't here leads to nothing.
 *
 * @param entries of the index
 * @param bytesOf the bytes of an index in it; undefined where they aren't here
 */
export function contentsOf(
  entries: readonly Descriptor[],
  bytesOf: (index: Digest) => Uint8Array | undefined,
): IndexContents {
  const manifests: Descriptor[] = [];
  const inner: Descriptor[] = [];
  const seen = new Set<Digest>();
  const walk = (list: readonly Descriptor[]): void => {
    for (const entry of list) {
      if (kindOf(entry) !== "index") manifests.push(entry);
      else if (!seen.has(entry.digest)) {
        seen.add(entry.digest);
        walk(entriesOf(jsonIn(bytesOf(entry.digest) ?? new Uint8Array())) ?? []);
        inner.push(entry);
      }
    }
  };
  walk(entries);
  return { manifests, inner };
}

/** What a manifest points to; undefined for what is no manifest. @param value parsed JSON */
export function partsOf(value: unknown): ManifestParts | undefined {
  const { config, layers } = (value ?? {}) as Record<string, unknown>;
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) return undefined;
  return { config, layers };
}

/** The config and the layers of a manifest; none for bytes that are no manifest. */
export function blobsIn(manifest: Uint8Array): readonly Descriptor[] {
  const parts = partsOf(jsonIn(manifest));
  return parts === undefined ? [] : [parts.config, ...parts.layers];
}

/** Bytes of a manifest with its config and layers. */
export function sizeWithBlobs(manifest: Uint8Array): number {
  return blobsIn(manifest).reduce((sum, { size }) => sum + size, manifest.length);
}

/** What a manifest or an index says that it is; OCI's needn't say it. @see image-spec v1.1 manifest.md */
export function mediaTypeIn(bytes: Uint8Array): string {
  const value = jsonIn(bytes);
  const { mediaType } = (value ?? {}) as Record<string, unknown>;
  if (typeof mediaType === "string") return mediaType;
  return entriesOf(value) === undefined ? manifestType : indexType;
}

/**
 * What keeps a value from being a manifest, as a clause about it: `its layer 2 has no size`. For a value that {@link partsOf} doesn't
 * take.
 */
export function manifestFault(value: unknown): string {
  if (!isObject(value)) return "it is no JSON object";
  const { config, layers } = value;
  if (config === undefined) return "it has no config";
  if (!Array.isArray(layers)) return "it has no list of layers";
  const fault = descriptorFault(config);
  return fault === undefined ? faultIn("layer", layers) : `its config ${fault}`;
}

/** The same for an index, and {@link entriesOf}. */
export function indexFault(value: unknown): string {
  const manifests = isObject(value) ? value["manifests"] : undefined;
  return Array.isArray(manifests) ? faultIn("manifest", manifests) : "it has no list of manifests";
}

/** @param values of which one is no descriptor */
function faultIn(what: string, values: readonly unknown[]): string {
  const place = values.findIndex((value) => !isDescriptor(value));
  return `its ${what} ${place + 1} ${descriptorFault(values[place]) ?? ""}`;
}

function isDescriptor(value: unknown): value is Descriptor {
  return descriptorFault(value) === undefined;
}

/** @see image-spec v1.1 descriptor.md#properties */
function descriptorFault(value: unknown): string | undefined {
  if (!isObject(value)) return "is no descriptor";
  const { mediaType, digest, size, annotations, platform } = value;
  if (typeof digest !== "string") return "has no digest";
  if (!isDigest(digest)) return digestFault(digest);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return "has no size";
  if (mediaType !== undefined && typeof mediaType !== "string") return "has a media type that is no text";
  if (!isTexts(annotations)) return "has annotations that are no texts";
  if (platform !== undefined && platform !== null && !isPlatformValue(platform)) return "has a platform that is none";
  return undefined;
}

const otherDigest = /^(?!sha256:)([a-z0-9]+(?:[+._-][a-z0-9]+)*):[a-zA-Z0-9=_-]+$/;

/** @see image-spec v1.1 descriptor.md#digests */
function digestFault(digest: string): string {
  const algorithm = otherDigest.exec(digest)?.[1];
  if (algorithm !== undefined) return `has a digest by ${algorithm}: berth reads sha256 alone`;
  return `has an invalid digest ${JSON.stringify(digest.slice(0, 100))}`;
}

function isTexts(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.values(value).every((each) => typeof each === "string");
}
