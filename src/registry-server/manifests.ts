import { cachedTag, cacheManifest, cacheTag, dropTag, isCached, type RepositoryName } from "../image/cache-records.ts";
import { isPulled, knownManifest } from "../image/remote-image.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName } from "../oci/reference.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import type { Outcome, ServingDeps } from "./deps.ts";
import { statusBehind } from "./refusal.ts";
import type { ManifestReference } from "./route.ts";
import type { Upstreams } from "./upstream.ts";

/** A manifest for a client. */
export interface ServedManifest {
  readonly manifest: RemoteManifest;
  readonly outcome: Outcome;
}

/** What {@link serveManifest} takes beside the name. */
export interface ManifestOptions {
  readonly upstreams: Upstreams;
  /** Milliseconds after which a registry is asked again what a tag leads to. */
  readonly tagTTL: number;
}

/**
 * A manifest or index: by its digest from the store, where that has it of this repository; by a tag as its registry said not long
 * ago, or says now.
 *
 * @throws {BerthError} as `Repository.manifest`
 */
export async function serveManifest(
  deps: ServingDeps,
  { name, reference }: { readonly name: RepositoryName; readonly reference: ManifestReference },
  options: ManifestOptions,
): Promise<ServedManifest> {
  const served =
    "tag" in reference
      ? await byTag(deps, { ...name, tag: reference.tag }, options)
      : await byDigest(deps, { name, digest: reference.digest }, options);
  deps.uses.note(served.manifest.descriptor.digest);
  return served;
}

async function byDigest(
  deps: ServingDeps,
  { name, digest }: { readonly name: RepositoryName; readonly digest: Digest },
  { upstreams }: ManifestOptions,
): Promise<ServedManifest> {
  const known = deps.db.read((sql) => {
    if (isCached(sql, name, digest)) return { manifest: knownManifest(sql, digest), isNoted: true };
    return { manifest: isPulled(sql, name, digest) ? knownManifest(sql, digest) : undefined, isNoted: false };
  });
  if (known.manifest !== undefined) {
    // By this the cache knows what the repository has.
    if (!known.isNoted) await keep(deps, name, known.manifest);
    return { manifest: known.manifest, outcome: "hit" };
  }
  const { value: manifest } = await upstreams.answer({
    domain: name.domain,
    key: fullName({ ...name, digest }),
    known: undefined,
    ask: async (signal) => {
      const found = await deps.registries.repository(name).manifest(digest, { signal });
      await keep(deps, name, found);
      return found;
    },
  });
  return { manifest, outcome: "miss" };
}

type Tagged = RepositoryName & { readonly tag: string };

async function byTag(
  deps: ServingDeps,
  reference: Tagged,
  { upstreams, tagTTL }: ManifestOptions,
): Promise<ServedManifest> {
  const known = deps.db.read((sql) => {
    const tag = cachedTag(sql, reference);
    const manifest = tag && knownManifest(sql, tag.digest);
    return manifest && { manifest, age: Date.now() - tag.checked };
  });
  if (known !== undefined && known.age >= 0 && known.age < tagTTL) return { manifest: known.manifest, outcome: "hit" };
  const { value: manifest, isStale } = await upstreams.answer({
    domain: reference.domain,
    key: fullName(reference),
    known: known?.manifest,
    ask: (signal) => askForTag(deps, reference, signal),
  });
  if (isStale) return { manifest, outcome: "stale" };
  return { manifest, outcome: manifest.descriptor.digest === known?.manifest.descriptor.digest ? "hit" : "miss" };
}

/** Ask what a tag leads to. Where the store has that, it isn't fetched. */
async function askForTag(deps: ServingDeps, reference: Tagged, signal: AbortSignal): Promise<RemoteManifest> {
  const { tag, ...name } = reference;
  const repository = deps.registries.repository(name);
  try {
    const isKnown = deps.db.read((sql) => cachedTag(sql, reference) !== undefined);
    const digest = isKnown ? (await repository.resolve(tag, { signal })).digest : undefined;
    const here = digest && deps.db.read((sql) => knownManifest(sql, digest));
    const manifest = here ?? (await repository.manifest(digest ?? tag, { signal }));
    await keep(deps, name, manifest, tag);
    return manifest;
  } catch (error) {
    if (statusBehind(error) === 404) await deps.db.write((sql) => dropTag(sql, reference));
    throw error;
  }
}

/** Keep a manifest, and what a tag leads to. */
async function keep({ db }: ServingDeps, name: RepositoryName, manifest: RemoteManifest, tag?: string): Promise<void> {
  const now = Date.now();
  await db.write((sql) => {
    cacheManifest(sql, name, manifest, now);
    if (tag !== undefined) cacheTag(sql, { ...name, tag }, manifest.descriptor.digest, now);
  });
}
