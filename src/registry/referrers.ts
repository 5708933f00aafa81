import { monotonic } from "../base/clock.ts";
import { BerthError, isKind } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { type Digest, digestOf, hexOf, isDigest } from "../oci/digest.ts";
import { entriesOf, indexType, jsonIn } from "../oci/image-index.ts";
import { sleep } from "./attempts.ts";
import { fetchManifest, storeManifest } from "./manifests.ts";
import { pagesOf } from "./pages.ts";
import type { TypedDescriptor } from "./repository.ts";
import { isMissing, type Source, scopeOf } from "./source.ts";

/** A manifest as others that point to it describe it. */
type Referrer = TypedDescriptor & { readonly artifactType?: string };

/**
 * The manifests whose `subject` is `digest`: as the registry's API lists them, or else the index that stands in for it.
 *
 * @returns undefined, where there is neither
 * @see distribution-spec v1.1 spec.md#listing-referrers
 */
export async function listReferrers(
  source: Source,
  digest: Digest,
  { artifactType, signal }: Operation & { readonly artifactType?: string } = {},
): Promise<readonly TypedDescriptor[] | undefined> {
  const listed = (await fromApi(source, { digest, artifactType, signal })) ?? (await fromTag(source, digest, signal));
  if (listed === "absent") return undefined;
  return artifactType === undefined ? listed : listed?.filter((each) => each.artifactType === artifactType);
}

/** @returns undefined, when the registry has no such API */
async function fromApi(
  source: Source,
  asked: {
    readonly digest: Digest;
    readonly artifactType: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<readonly Referrer[] | undefined> {
  const { digest, artifactType, signal } = asked;
  const query = artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const found: Referrer[] = [];
  const request = {
    method: "GET",
    target: `${source.path}/referrers/${digest}${query}`,
    headers: { Accept: indexType },
    scopes: [scopeOf(source.path, "pull")],
    accepts: isMissing,
    signal,
  };
  for await (const { response, bytes } of pagesOf(source, request)) {
    const entries = isMissing(response.status) ? undefined : referrersIn(bytes);
    if (entries === undefined) return undefined;
    found.push(...entries);
    if (found.length >= limits.manifests) break;
  }
  return found;
}

/** The tag of the index that stands in for the API. @see distribution-spec v1.1 spec.md#referrers-tag-schema */
function standIn(digest: Digest): string {
  return `sha256-${hexOf(digest)}`;
}

/** @returns undefined, where the tag leads to something else */
async function fromTag(
  source: Source,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly Referrer[] | "absent" | undefined> {
  try {
    const { bytes } = await fetchManifest(source, standIn(digest), stoppedBy(signal));
    return referrersIn(bytes);
  } catch (error) {
    if (isKind(error, "not-found")) return "absent";
    throw error;
  }
}

function referrersIn(bytes: Buffer): readonly Referrer[] | undefined {
  const entries = entriesOf(jsonIn(bytes));
  return entries?.filter((entry): entry is Referrer => entry.mediaType !== undefined);
}

/** What a manifest refers to; undefined when that is nothing. */
export function subjectOf(bytes: Uint8Array): Digest | undefined {
  const { subject } = (jsonIn(bytes) ?? {}) as Record<string, unknown>;
  const { digest } = (subject ?? {}) as Record<string, unknown>;
  return typeof digest === "string" && isDigest(digest) ? digest : undefined;
}

/** Times that the index is written when others write it at the same time. */
const tries = 10;
/** Milliseconds, at least, between a write and the look at what became of it. */
const shortestPause = 100;

/**
 * List a manifest in the index that stands in for the referrers API. Nothing keeps two clients from writing it at once: each looks
 * whether it is still listed when those who read before it wrote are done, by chance sooner or later, so that they don't meet again.
 *
 * @throws {BerthError} failed-precondition; conflict, when others have overwritten it each time
 */
export async function listInStandIn(
  source: Source,
  {
    subject,
    manifest,
  }: { readonly subject: Digest; readonly manifest: { readonly bytes: Uint8Array; readonly mediaType: string } },
  operation: Operation = {},
): Promise<void> {
  const entry = referrerOf(manifest.bytes, manifest.mediaType);
  for (let n = 1; ; n++) {
    const began = monotonic();
    const found = await fromTag(source, subject, operation.signal);
    if (found === undefined) {
      throw new BerthError(
        "failed-precondition",
        `${standIn(subject)} is no index: the referrers of ${subject} can't be listed there`,
      );
    }
    const listed = found === "absent" ? [] : found;
    if (listed.some(({ digest }) => digest === entry.digest)) return;
    if (n > tries) throw unlisted(entry, subject);
    const index = { schemaVersion: 2, mediaType: indexType, manifests: [...listed, entry] };
    const bytes = Buffer.from(JSON.stringify(index));
    if (bytes.length > limits.json) throw new BerthError("failed-precondition", `${subject} has too many referrers`);
    await storeManifest(source, { tagOrDigest: standIn(subject), bytes, mediaType: indexType }, operation);
    // To others, reading and writing takes as long.
    const pause = Math.max(shortestPause, 2 * (monotonic() - began));
    await sleep(pause * (1 + n * Math.random()), operation.signal);
  }
}

function unlisted({ digest }: Referrer, subject: Digest): BerthError {
  const what = `${digest} is there, but not among the referrers of ${subject}`;
  return new BerthError("conflict", `${what}: others write ${standIn(subject)} at the same time`, {
    hint: "Push it again: nothing but the list is sent then.",
  });
}

/** @see distribution-spec v1.1 spec.md#pushing-manifests-with-subject */
function referrerOf(bytes: Uint8Array, mediaType: string): Referrer {
  const { artifactType, config, annotations } = (jsonIn(bytes) ?? {}) as Record<string, unknown>;
  const { mediaType: configType } = (config ?? {}) as Record<string, unknown>;
  const type = typeof artifactType === "string" && artifactType !== "" ? artifactType : configType;
  return {
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
    ...(typeof type === "string" ? { artifactType: type } : {}),
    ...(typeof annotations === "object" && annotations !== null
      ? { annotations: annotations as Record<string, string> }
      : {}),
  };
}
