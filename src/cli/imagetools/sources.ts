import { type Digest, digestOf, isDigest } from "../../oci/digest.ts";
import { jsonIn } from "../../oci/image-index.ts";
import { fullName, type Reference } from "../../oci/reference.ts";
import type { Registries } from "../../registry/registries.ts";
import type { RemoteManifest } from "../../registry/repository.ts";
import { CliError } from "../cli-error.ts";
import type { WholePlatform } from "../manifest/image-manifest.ts";
import { fetchLocated, readLocation } from "./located.ts";

/** A descriptor as it stands in an index. @see image-spec v1.1 descriptor.md */
export interface EntryDescriptor {
  readonly mediaType?: string;
  readonly digest: Digest;
  readonly size?: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly data?: string;
  readonly platform?: WholePlatform;
  readonly artifactType?: string;
}

/** What an image is made of, as it was given: a name, or a digest or a descriptor in a repository that others name. */
export interface GivenSource {
  readonly text: string;
  readonly reference: Reference | undefined;
  readonly descriptor: EntryDescriptor | undefined;
}

/** A manifest or an index at a registry that goes into an image. */
export interface Source {
  readonly reference: Reference;
  readonly manifest: RemoteManifest;
  readonly descriptor: EntryDescriptor & { readonly mediaType: string; readonly size: number };
}

/** Read a digest, a name, or a descriptor as JSON. @throws {CliError} in buildx's words */
export function parseSource(text: string): GivenSource {
  const given = text.trim();
  if (isDigest(given)) return { text, reference: undefined, descriptor: { digest: given } };
  if (given.startsWith("sha256")) throw wrong(text, "invalid checksum digest length");
  if (!given.startsWith("{")) return { text, reference: readLocation(given), descriptor: undefined };
  const value = jsonIn(Buffer.from(given));
  if (typeof value !== "object" || value === null) throw wrong(text, "it is no JSON object");
  const { schemaVersion, ...descriptor } = value as Record<string, unknown>;
  if (typeof schemaVersion === "number" && schemaVersion !== 0) {
    const what = `got a manifest or index (schemaVersion ${schemaVersion})`;
    throw wrong(text, `expected an OCI content descriptor, ${what}`);
  }
  const { digest = "" } = descriptor;
  if (digest === "") throw wrong(text, "invalid descriptor: digest is required");
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw wrong(text, "invalid descriptor digest: invalid checksum digest format");
  }
  return { text, reference: undefined, descriptor: descriptor as unknown as EntryDescriptor };
}

function wrong(text: string, why: string): CliError {
  const message = `failed to parse source ${JSON.stringify(text)}, valid sources are digests, references and descriptors`;
  return new CliError(`ERROR: ${message}: ${why}`);
}

/** Where sources are that don't say it: in the one repository that is named. @throws {CliError} in buildx's words */
export function placed(
  sources: readonly GivenSource[],
  targets: readonly Reference[],
): readonly (GivenSource & { readonly reference: Reference })[] {
  const named = [...targets, ...sources.flatMap(({ reference }) => reference ?? [])];
  const repositories = new Set(named.map(({ domain, path }) => fullName({ domain, path })));
  const [first] = named;
  if (first === undefined) {
    throw new CliError("ERROR: no repositories specified, please set a reference in tag or source");
  }
  return sources.map((source) => {
    const { reference, text, descriptor } = source;
    if (reference !== undefined) return { ...source, reference };
    if (repositories.size > 1) {
      const quoted = JSON.stringify(text);
      throw new CliError(`ERROR: multiple repositories specified, cannot infer repository for ${quoted}`);
    }
    const { domain, path } = first;
    return { ...source, reference: { domain, path, ...(descriptor && { digest: descriptor.digest }) } };
  });
}

/** Fetch a source; what was given of its descriptor counts. @throws {CliError}; {BerthError} not-found */
export async function fetchSource(
  registries: Registries,
  { reference, descriptor: given }: GivenSource & { readonly reference: Reference },
): Promise<Source> {
  const manifest = await fetchLocated({ reference, repository: registries.repository(reference) });
  const { digest, size, mediaType } = manifest.descriptor;
  if (given === undefined) return { reference, manifest, descriptor: { mediaType, digest, size } };
  if (given.size !== undefined && given.size !== 0 && given.size !== size) {
    throw new CliError(`ERROR: invalid size mismatch for ${digest}, ${given.size} != ${size}`);
  }
  return { reference, manifest, descriptor: { ...given, mediaType: given.mediaType ?? mediaType, digest, size } };
}

/** What has a digest of its own: an index that was made just now. */
export function describedBytes(bytes: Buffer, mediaType: string): RemoteManifest {
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length } };
}
