import { BerthError, isKind } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { indexType, jsonIn, manifestType } from "../oci/image-index.ts";
import { wholeBody } from "./body.ts";
import { one } from "./bytes.ts";
import type { HttpResponse } from "./connection.ts";
import type { RemoteManifest, TypedDescriptor } from "./repository.ts";
import { type Source, scopeOf } from "./source.ts";

/** What is asked for: anything that a manifest may be, Docker's schema 1 included, so that it can be told from what isn't there. */
const accept = [
  indexType,
  manifestType,
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.artifact.manifest.v1+json",
  "*/*",
].join(", ");

/** @see Repository.manifest */
export async function fetchManifest(
  source: Source,
  tagOrDigest: string,
  { signal }: Operation = {},
): Promise<RemoteManifest> {
  const response = await ask("GET", source, { tagOrDigest, signal });
  const bytes = await wholeBody(response, limits.json);
  const digest = digestOf(bytes);
  const promised = isDigest(tagOrDigest) ? tagOrDigest : response.headers["docker-content-digest"];
  if (typeof promised === "string" && isDigest(promised) && promised !== digest) throw unverified(promised);
  const mediaType = mediaTypeOf(response.headers["content-type"], bytes);
  return { bytes, descriptor: { mediaType, digest, size: bytes.length } };
}

/** A registry needn't answer HEAD, nor say the digest: then the manifest itself tells. @see Repository.resolve */
export async function resolveManifest(
  source: Source,
  tagOrDigest: string,
  operation: Operation = {},
): Promise<TypedDescriptor> {
  const response = await ask("HEAD", source, { tagOrDigest, signal: operation.signal, accepts: anyRefusal });
  response.discard();
  const { "content-type": type, "content-length": length, "docker-content-digest": digest } = response.headers;
  const mediaType = bareType(type);
  const size = Number(length);
  const told = response.status === 200 && typeof digest === "string" && isDigest(digest) && size > 0;
  if (!told || !isManifestType(mediaType)) return (await fetchManifest(source, tagOrDigest, operation)).descriptor;
  if (isDigest(tagOrDigest) && digest !== tagOrDigest) throw unverified(tagOrDigest);
  if (size > limits.json) throw new BerthError("data-loss", `the manifest has more than ${limits.json} bytes`);
  return { mediaType, digest, size };
}

/** @see Repository.hasManifest */
export async function manifestExists(source: Source, digest: Digest, operation: Operation = {}): Promise<boolean> {
  try {
    await resolveManifest(source, digest, operation);
    return true;
  } catch (error) {
    if (isKind(error, "not-found")) return false;
    throw error;
  }
}

/** HEAD has no body that says more: GET is asked for it. */
const anyRefusal = (status: number): boolean => status >= 400 && status < 500 && status !== 429;

/** What to ask a registry for. */
interface Asked {
  readonly tagOrDigest: string;
  readonly signal: AbortSignal | undefined;
  readonly accepts?: (status: number) => boolean;
}

async function ask(method: "GET" | "HEAD", { endpoint, path }: Source, asked: Asked): Promise<HttpResponse> {
  const { tagOrDigest, ...options } = asked;
  const target = `${path}/manifests/${tagOrDigest}`;
  return await endpoint.send({
    method,
    target,
    headers: { Accept: accept },
    scopes: [scopeOf(path, "pull")],
    told: isDigest(tagOrDigest) ? method : "HEAD",
    ...options,
  });
}

function unverified(digest: string): BerthError {
  return new BerthError("data-loss", `manifest verification failed for digest ${digest}`, {
    hint: "The registry, or somebody on the way to it, sent other bytes than it should.",
  });
}

function bareType(header: string | undefined): string {
  return header?.split(";")[0]?.trim().toLowerCase() ?? "";
}

function isManifestType(type: string): boolean {
  return type.includes("manifest") || type.includes("image.index");
}

const oldTypes = /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/;

/**
 * What a manifest is. Registries that keep files alone call everything JSON, or nothing at all; then the bytes tell.
 *
 * @throws {BerthError} invalid-argument, where header and bytes contradict each other, and for what is no manifest
 * @see image-spec v1.1 manifest.md, CVE-2021-41190
 */
function mediaTypeOf(header: string | undefined, bytes: Buffer): string {
  const value = jsonIn(bytes);
  if (typeof value !== "object" || value === null) throw invalidManifest("not a JSON object");
  const { mediaType, schemaVersion, manifests, layers, config, fsLayers } = value as Record<string, unknown>;
  const type = bareType(header);
  if (schemaVersion === 1 || fsLayers !== undefined || oldTypes.test(type)) throw new OldManifest();
  if (manifests !== undefined && (layers !== undefined || config !== undefined)) {
    throw invalidManifest("it is an index and a manifest at once");
  }
  const said = typeof mediaType === "string" ? mediaType : undefined;
  const served = isManifestType(type) ? type : undefined;
  if (said !== undefined && served !== undefined && said.toLowerCase() !== served) {
    throw invalidManifest(`served as ${served}, but says that it is ${said}`);
  }
  const found = said ?? served ?? (manifests === undefined ? manifestType : indexType);
  const isIndex = /image\.index|manifest\.list/.test(found);
  if (isIndex !== (manifests !== undefined) && /image|docker/.test(found)) throw invalidManifest(`it is no ${found}`);
  return found;
}

function invalidManifest(what: string): BerthError {
  return new BerthError("invalid-argument", `unsupported manifest format: ${what}`);
}

/** Docker's schema 1, of images that were made before 2016. The repository knows whose it is. */
export class OldManifest extends BerthError {
  override readonly name: string = "OldManifest";

  constructor(name?: string) {
    const author =
      name === undefined
        ? ""
        : ` Suggest the author of ${name} to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.`;
    super(
      "invalid-argument",
      `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed.${author} More information at https://docs.docker.com/go/deprecated-image-specs/`,
    );
  }
}

/** A manifest on its way to a registry. */
export interface SentManifest {
  readonly tagOrDigest: string;
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** What a registry said of a manifest that it got. */
interface Stored {
  readonly digest: string | undefined;
  /** It lists the manifest with its `subject`. */
  readonly knowsSubject: boolean;
}

/** Have a registry store a manifest. */
export async function storeManifest(
  { endpoint, path }: Source,
  { tagOrDigest, bytes, mediaType }: SentManifest,
  { signal }: Operation = {},
): Promise<Stored> {
  const response = await endpoint.send({
    method: "PUT",
    target: `${path}/manifests/${tagOrDigest}`,
    headers: { "Content-Type": mediaType },
    body: () => ({ bytes: one(bytes), length: bytes.length }),
    scopes: [scopeOf(path, "pull,push")],
    signal,
  });
  response.discard();
  const { "docker-content-digest": digest, "oci-subject": subject } = response.headers;
  return { digest: typeof digest === "string" ? digest : undefined, knowsSubject: subject !== undefined };
}

/**
 * The same, for one that others are to find: where the registry doesn't say that it is what was sent, it is asked.
 *
 * @throws {BerthError} data-loss, naming what it stored in its place
 */
export async function sendManifest(
  source: Source,
  manifest: SentManifest,
  operation: Operation = {},
): Promise<Pick<Stored, "knowsSubject">> {
  const stored = await storeManifest(source, manifest, operation);
  const { tagOrDigest, bytes } = manifest;
  const sent = digestOf(bytes);
  if (stored.digest === sent) return stored;
  const { digest } = await resolveManifest(source, tagOrDigest, operation);
  if (digest === sent) return stored;
  throw new BerthError("data-loss", `the registry has stored ${digest} in place of the manifest ${sent}`, {
    hint: `${tagOrDigest} leads to that now: something on the way changed what was sent, or somebody else pushed at the same time.`,
  });
}

/** @see Repository.deleteManifest */
export async function removeManifest(
  { endpoint, path }: Source,
  digest: Digest,
  { signal }: Operation = {},
): Promise<void> {
  const scopes = [scopeOf(path, "delete")];
  const response = await endpoint.send({ method: "DELETE", target: `${path}/manifests/${digest}`, scopes, signal });
  response.discard();
}
