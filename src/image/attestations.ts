import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { type Descriptor, jsonIn, manifestType } from "../oci/image-index.ts";
import { configType } from "./oci-manifest.ts";

// What attests to an image lies beside it in its index, as BuildKit has it.
// @see BuildKit docs/attestations/attestation-storage.md

/** Something that is said of an image. @see in-toto attestation, spec/v1/statement.md */
export interface Statement {
  /** What kind of thing is said: `https://slsa.dev/provenance/v1`. */
  readonly predicateType: string;
  readonly predicate: unknown;
  /** What it is about; the image when absent. */
  readonly subject?: readonly StatementSubject[];
  /** What it is called as a file; a usual name of its kind when absent. */
  readonly file?: string;
}

/** Something that a statement is about. */
export interface StatementSubject {
  readonly name: string;
  /** In hexadecimal, by algorithm. */
  readonly digest: Readonly<Record<string, string>>;
}

/** Blobs, and the manifest that names them. */
export interface AttestationManifest {
  readonly bytes: Buffer;
  /** The config first. */
  readonly blobs: readonly Buffer[];
}

/** Media type of a statement. */
const statementType = "application/vnd.in-toto+json";

/** The platform of what runs nowhere. */
const noPlatform = { architecture: "unknown", os: "unknown" } as const;

const predicateType = "in-toto.io/predicate-type";

/** A statement as bytes. @param names of the image, as package URLs */
export function statementBytes(
  { predicateType: type, predicate, subject: own }: Statement,
  { names, manifest }: { readonly names: readonly string[]; readonly manifest: Digest },
): Buffer {
  const subject = own ?? names.map((name) => ({ name, digest: { sha256: hexOf(manifest) } }));
  return json({ _type: "https://in-toto.io/Statement/v1", predicateType: type, subject, predicate });
}

/** The manifest of what attests to an image. @param statements each with its kind */
export function attestationManifest(
  statements: readonly { readonly predicateType: string; readonly bytes: Buffer }[],
): AttestationManifest {
  const layers = statements.map(({ predicateType: type, bytes }) => ({
    mediaType: statementType,
    digest: digestOf(bytes),
    size: bytes.length,
    annotations: { [predicateType]: type },
  }));
  const config = json({
    ...noPlatform,
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  });
  const bytes = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: digestOf(config), size: config.length },
    layers,
  });
  return { bytes, blobs: [config, ...statements.map((each) => each.bytes)] };
}

/** How an index names what attests to one of its manifests. */
export function attestationEntry(manifest: Buffer, about: Digest): Descriptor & { readonly mediaType: string } {
  return {
    mediaType: manifestType,
    digest: digestOf(manifest),
    size: manifest.length,
    annotations: {
      "vnd.docker.reference.digest": about,
      "vnd.docker.reference.type": "attestation-manifest",
    },
    platform: noPlatform,
  };
}

/** The kind of statement that a layer of such a manifest is; undefined for any other. */
export function predicateOf({ mediaType, annotations }: Descriptor): string | undefined {
  return mediaType === statementType ? annotations?.[predicateType] : undefined;
}

/** A statement about a manifest, of one that took its place. What is no such statement stays as it is. */
export function statementAbout(bytes: Buffer, { from, to }: { readonly from: Digest; readonly to: Digest }): Buffer {
  const value = jsonIn(bytes);
  if (typeof value !== "object" || value === null || !("subject" in value) || !Array.isArray(value.subject))
    return bytes;
  const subject = value.subject.map((each: unknown) =>
    isAbout(each, from) ? { ...each, digest: { sha256: hexOf(to) } } : each,
  );
  return json({ ...value, subject });
}

function isAbout(value: unknown, manifest: Digest): value is object {
  if (typeof value !== "object" || value === null || !("digest" in value)) return false;
  const { digest } = value;
  return typeof digest === "object" && digest !== null && "sha256" in digest && digest.sha256 === hexOf(manifest);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
