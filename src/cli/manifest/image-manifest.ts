import { BerthError } from "../../base/errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { entriesOf, jsonIn, kindOf, manifestFault, partsOf } from "../../oci/image-index.ts";
import { fullName, type Reference } from "../../oci/reference.ts";
import type { Repository } from "../../registry/repository.ts";
import { readSmallBlob } from "../../registry/small-blob.ts";
import { goJson } from "../format/go-json.ts";
import { manifestNamed } from "../remote.ts";

/** A platform as manifests and configs have it. @see image-spec v1.1 image-index.md, platform */
export interface WholePlatform {
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
}

/** The manifest of one image of a list, as Docker's `manifest` works with it. */
export interface ImageManifest {
  /** Its whole name. */
  readonly ref: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly platform: WholePlatform | undefined;
  readonly bytes: Buffer;
}

/**
 * The manifest of an image, with the platform that its config names.
 *
 * @throws {BerthError} not-found, in Docker's words; invalid-argument, for a list
 */
export async function fetchImage(repository: Repository, reference: Reference): Promise<ImageManifest> {
  const { bytes, descriptor } = await manifestNamed(repository, reference, noSuchManifest(reference));
  if (kindOf(descriptor) === "index")
    throw new BerthError("invalid-argument", `${fullName(reference)} is a manifest list`);
  return await toImage(repository, { ref: fullName(reference), bytes, ...descriptor });
}

/** A manifest, or the list behind a name with the manifests that it names. */
export type Fetched = { readonly image: ImageManifest } | { readonly list: readonly ImageManifest[] };

/** What a name means at a registry. @throws {BerthError} not-found, in Docker's words */
export async function fetchAny(repository: Repository, reference: Reference): Promise<Fetched> {
  const { bytes, descriptor } = await manifestNamed(repository, reference, noSuchManifest(reference));
  const ref = fullName(reference);
  if (kindOf(descriptor) !== "index") return { image: await toImage(repository, { ref, bytes, ...descriptor }) };
  const list: ImageManifest[] = [];
  for (const entry of entriesOf(jsonIn(bytes)) ?? []) {
    const found = await repository.manifest(entry.digest);
    const { platform } = entry as { readonly platform?: WholePlatform };
    const known = await toImage(repository, { ref: `${ref}@${entry.digest}`, ...found, ...found.descriptor });
    list.push({ ...known, platform: platform ?? { architecture: "", os: "" } });
  }
  return { list };
}

function noSuchManifest(reference: Reference): string {
  return `no such manifest: ${fullName(reference)}`;
}

async function toImage(repository: Repository, found: Omit<ImageManifest, "platform">): Promise<ImageManifest> {
  const { ref, mediaType, digest, size, bytes } = found;
  const value = jsonIn(bytes);
  const parts = partsOf(value);
  if (parts === undefined)
    throw new BerthError("invalid-argument", `${ref} is not a manifest: ${manifestFault(value)}`);
  const platform = platformIn(await readSmallBlob(repository, parts.config, { what: "image config" }));
  return { ref, mediaType, digest, size, platform, bytes };
}

/** Fields of the wrong type are left out: what is no image's config has no platform. */
function platformIn(config: Buffer): WholePlatform {
  const { architecture, os, variant, ...rest } = (jsonIn(config) ?? {}) as Record<string, unknown>;
  const { "os.version": version, "os.features": features } = rest;
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  return {
    architecture: isText(architecture) ? architecture : "",
    os: isText(os) ? os : "",
    ...(isText(version) ? { "os.version": version } : {}),
    ...(Array.isArray(features) && features.length > 0 && features.every(isText) ? { "os.features": features } : {}),
    ...(isText(variant) ? { variant } : {}),
  };
}

/** An image as Docker keeps and shows it. @see Docker CLI, cli/manifest/types */
export function toJson({ ref, mediaType, digest, size, platform, bytes }: ImageManifest): object {
  const kind = mediaType.startsWith("application/vnd.docker.") ? "SchemaV2Manifest" : "OCIManifest";
  return {
    Ref: ref,
    Descriptor: { mediaType, digest, size, ...(platform && { platform: orderedPlatform(platform) }) },
    Raw: bytes.toString("base64"),
    [kind]: jsonIn(bytes),
  };
}

/** The list of images, as it goes to a registry. @see distribution 2.8, manifest/manifestlist */
export function listText(images: readonly ImageManifest[]): string {
  const oci = "application/vnd.oci.image";
  const mediaType =
    images[0]?.mediaType === `${oci}.manifest.v1+json`
      ? `${oci}.index.v1+json`
      : "application/vnd.docker.distribution.manifest.list.v2+json";
  const manifests = images.map(({ mediaType: type, size, digest, platform }) => {
    return { mediaType: type, size, digest, platform: orderedPlatform(platform ?? { architecture: "", os: "" }) };
  });
  return goJson({ schemaVersion: 2, mediaType, manifests }, "   ");
}

/** The fields of a platform in Go's order, without empty ones. */
export function orderedPlatform(platform: WholePlatform): WholePlatform {
  const { architecture, os, variant, "os.version": version, "os.features": features = [] } = platform;
  return {
    architecture,
    os,
    ...(version ? { "os.version": version } : {}),
    ...(features.length > 0 ? { "os.features": features } : {}),
    ...(variant ? { variant } : {}),
  };
}
