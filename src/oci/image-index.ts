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

const indexTypes: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const manifestTypes: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]);

/** What a descriptor says that it points to. */
export function kindOf({ mediaType = "" }: Descriptor): "index" | "manifest" | "other" {
  if (indexTypes.has(mediaType)) return "index";
  return manifestTypes.has(mediaType) ? "manifest" : "other";
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

/** JSON, parsed; undefined for bytes that are none. */
export function jsonIn(bytes: Uint8Array): unknown {
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

/** What a manifest points to; undefined for what is no manifest. @param value parsed JSON */
export function partsOf(value: unknown): ManifestParts | undefined {
  const { config, layers } = (value ?? {}) as Record<string, unknown>;
  if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) return undefined;
  return { config, layers };
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== "object" || value === null) return false;
  const { mediaType, digest, size, annotations, platform } = value as Record<string, unknown>;
  const typed = mediaType === undefined || typeof mediaType === "string";
  const sized = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  if (!typed || !sized || typeof digest !== "string" || !isDigest(digest)) return false;
  return isTexts(annotations) && (platform === undefined || platform === null || isPlatformValue(platform));
}

function isTexts(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.values(value).every((each) => typeof each === "string");
}
