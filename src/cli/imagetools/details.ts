import { BerthError } from "../../base/errors.ts";
import { limits } from "../../base/limits.ts";
import {
  attestedBy,
  type Descriptor,
  entriesOf,
  jsonIn,
  kindOf,
  type ManifestParts,
  partsOf,
} from "../../oci/image-index.ts";
import { isPlatformValue, normalPlatform, platformText } from "../../oci/platform.ts";
import type { RemoteManifest, Repository } from "../../registry/repository.ts";
import { readSmallBlob } from "../../registry/small-blob.ts";

/** What a registry has of an image, by platform. @see buildx, util/imagetools/loader.go */
export interface ImageDetails {
  /** Parsed configs by platform: `linux/arm64/v8`. */
  readonly configs: ReadonlyMap<string, unknown>;
  readonly sboms: ReadonlyMap<string, object>;
  readonly provenances: ReadonlyMap<string, object>;
}

interface Found {
  readonly descriptor: Descriptor;
  readonly parts: ManifestParts;
}

/** Read all that a template may ask for. @param attested whether what attests to images is wanted too */
export async function imageDetails(
  repository: Repository,
  top: RemoteManifest,
  { attested }: { readonly attested: boolean },
): Promise<ImageDetails> {
  const found = await manifestsBelow(repository, top);
  const images = found.filter(({ descriptor }) => attestedBy(descriptor) === undefined);
  const [configs, sboms, provenances] = [
    new Map<string, unknown>(),
    new Map<string, object>(),
    new Map<string, object>(),
  ];
  for (const { descriptor, parts } of images) {
    const config = jsonIn(await readSmallBlob(repository, parts.config, { what: "image config" }));
    const own = descriptor.platform ?? (isPlatformValue(config) ? config : { os: "", architecture: "" });
    const platform = platformText(normalPlatform(own));
    configs.set(platform, config);
    const about = found.filter((each) => attested && attestedBy(each.descriptor) === descriptor.digest);
    const statements = await statementsIn(repository, about);
    const spdx = statements
      .filter(({ type }) => type === "https://spdx.dev/Document")
      .map(({ predicate }) => predicate);
    const [first, ...more] = spdx;
    if (first !== undefined) sboms.set(platform, { SPDX: first, ...(more.length > 0 && { AdditionalSPDXs: more }) });
    const slsa = statements.find(({ type }) => type.startsWith("https://slsa.dev/provenance/"));
    if (slsa !== undefined) provenances.set(platform, { SLSA: slsa.predicate });
  }
  return { configs, sboms, provenances };
}

async function manifestsBelow(
  repository: Repository,
  { bytes, descriptor }: { readonly bytes: Buffer; readonly descriptor: Descriptor },
  depth: number = limits.indexDepth,
): Promise<readonly Found[]> {
  const parts = partsOf(jsonIn(bytes));
  if (kindOf(descriptor) !== "index") return parts === undefined ? [] : [{ descriptor, parts }];
  if (depth === 0) throw new BerthError("invalid-argument", `more than ${limits.indexDepth} indexes lie in each other`);
  const found: Found[] = [];
  for (const entry of entriesOf(jsonIn(bytes)) ?? []) {
    const manifest = await repository.manifest(entry.digest);
    found.push(...(await manifestsBelow(repository, { bytes: manifest.bytes, descriptor: entry }, depth - 1)));
  }
  return found;
}

interface Statement {
  readonly type: string;
  readonly predicate: unknown;
}

/** What attestations say. @see BuildKit, docs/attestations/attestation-storage.md */
async function statementsIn(repository: Repository, attestations: readonly Found[]): Promise<readonly Statement[]> {
  const statements: Statement[] = [];
  for (const layer of attestations.flatMap(({ parts }) => parts.layers)) {
    const type = layer.annotations?.["in-toto.io/predicate-type"];
    if (type === undefined || !/^application\/vnd\.in-toto(?:\+json$|\..*\+dsse$)/.test(layer.mediaType ?? ""))
      continue;
    const { predicate } = (statementOf(await readSmallBlob(repository, layer, { what: "attestation" })) ??
      {}) as Record<string, unknown>;
    if (predicate !== undefined) statements.push({ type, predicate });
  }
  return statements;
}

/** A statement, or the one in an envelope. */
function statementOf(bytes: Buffer): unknown {
  const value = jsonIn(bytes);
  const { payload } = (value ?? {}) as Record<string, unknown>;
  return typeof payload === "string" ? jsonIn(Buffer.from(payload, "base64")) : value;
}
