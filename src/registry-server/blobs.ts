import { cacheBlob, linkedSize, type RepositoryName } from "../image/cache-records.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName } from "../oci/reference.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Outcome, ServingDeps } from "./deps.ts";
import { Refusal } from "./refusal.ts";
import type { Upstreams } from "./upstream.ts";

/** A blob for a client, until disposed. */
export interface ServedBlob extends AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  readonly outcome: Outcome;
  /**
   * The bytes from `first` up to `end`, which isn't among them; the last of a blob that comes in only when all have the digest.
   * A piece is good until the next one is asked for.
   */
  read(first: number, end: number): AsyncIterable<Uint8Array>;
}

/** What {@link serveBlob} takes beside the name. */
export interface BlobOptions {
  readonly upstreams: Upstreams;
  readonly arrivals: Arrivals;
}

/** A blob of a repository. */
interface BlobName {
  readonly name: RepositoryName;
  readonly digest: Digest;
}

/**
 * Bytes of a blob of a repository, by a manifest that passed through or by its registry's word.
 *
 * @throws {Refusal} BLOB_UNKNOWN
 */
export async function blobSize(
  deps: ServingDeps,
  blob: BlobName,
  options: Pick<BlobOptions, "upstreams">,
): Promise<number> {
  return knownSize(deps, blob) ?? (await askedSize(deps, blob, options));
}

function knownSize({ db }: ServingDeps, { name, digest }: BlobName): number | undefined {
  return db.read((sql) => linkedSize(sql, name, digest));
}

async function askedSize(
  deps: ServingDeps,
  { name, digest }: BlobName,
  { upstreams }: Pick<BlobOptions, "upstreams">,
): Promise<number> {
  const { value } = await upstreams.answer({
    domain: name.domain,
    key: `size of ${fullName({ ...name, digest })}`,
    known: undefined,
    ask: (signal) => deps.registries.repository(name).blobSize(digest, { signal }),
  });
  if (value === undefined) throw new Refusal(404, "BLOB_UNKNOWN", "blob unknown to registry");
  return value;
}

/** A blob: from the store where that has it, or as it comes in. @throws {Refusal} BLOB_UNKNOWN */
export async function serveBlob(deps: ServingDeps, blob: BlobName, options: BlobOptions): Promise<ServedBlob> {
  const { name, digest } = blob;
  const known = knownSize(deps, blob);
  const size = known ?? (await askedSize(deps, blob, options));
  await using stack = new AsyncDisposableStack();
  const here = stack.use(await deps.content.open(digest));
  if (here !== undefined) {
    deps.uses.note(digest);
    // The repository needn't be asked again.
    if (known === undefined)
      await deps.db.write((sql) => cacheBlob(sql, name, { digest, size: here.size }, Date.now()));
    const owned = stack.move();
    return { ...here, outcome: "hit", [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }
  const arriving = options.arrivals.get(name, { digest, size });
  return {
    size,
    outcome: "miss",
    async *read(first, end) {
      let at = 0;
      for await (const piece of arriving.open()) {
        const begin = Math.max(first - at, 0);
        const part = piece.subarray(begin, end - at);
        at += piece.length;
        if (at >= size) await arriving.verified;
        if (part.length > 0) yield part;
        if (at >= end) return;
      }
      await arriving.verified;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(arriving[Symbol.dispose]()),
  };
}
