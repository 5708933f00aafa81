import { isKind } from "../base/errors.ts";
import type { OpenedBlob } from "../content/content.ts";
import { cacheBlob, linkedSize, type RepositoryName } from "../image/cache-records.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName } from "../oci/reference.ts";
import type { Arrivals, Arriving } from "./arrivals.ts";
import type { Outcome, ServingDeps } from "./deps.ts";
import type { ByteRange } from "./range.ts";
import { Refusal } from "./refusal.ts";
import type { Upstreams } from "./upstream.ts";

/** A blob for a client, until disposed. */
export interface ServedBlob extends AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  readonly outcome: Outcome;
  /**
   * The bytes from `first` up to `end`, which isn't among them; the last of a blob that comes in only when all have the digest, but
   * for a small part far ahead of what is here: that is as the registry gives it. A piece is good until the next one is asked for.
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
  const here = stack.use(await openWhole(deps, { digest, size }));
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
      const isFar = isAhead(arriving, { first, end });
      if (isFar) arriving.finish();
      const given = isFar ? yield* partAhead(deps, { name, digest, size }, { first, end }) : 0;
      if (!isFar || first + given < end) yield* partOf(arriving, { first: first + given, end }, size);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(arriving[Symbol.dispose]()),
  };
}

/** A blob of the store. One that was cut is deleted, and comes anew: a manifest may lie about a size, a digest doesn't. */
async function openWhole(
  { content }: ServingDeps,
  { digest, size }: { readonly digest: Digest; readonly size: number },
): Promise<OpenedBlob | undefined> {
  const opened = await content.open(digest);
  if (opened === undefined || opened.size === size || content.verify(digest) !== "damaged") return opened;
  await opened[Symbol.asyncDispose]();
  content.delete(digest);
  return undefined;
}

/** A part of what arrives, the last piece of the whole when that has the digest. */
async function* partOf(
  { open, verified }: Arriving,
  { first, end }: ByteRange,
  size: number,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const piece of open()) {
    const begin = Math.max(first - at, 0);
    const part = piece.subarray(begin, end - at);
    at += piece.length;
    if (at >= size) await verified;
    if (part.length > 0) yield part;
    if (at >= end) return;
  }
  await verified;
}

/** Bytes of a part that is small: a pull that asks for parts side by side, and for all of them, has larger ones. */
const smallPart = 4 << 20;
/** Bytes that are to come before a part for it to be far ahead. */
const farAhead = 1 << 20;

/** Whether what is asked for is little, as of one who reads a few files of a layer, and would come late. */
function isAhead({ length }: Arriving, { first, end }: ByteRange): boolean {
  return end - first < smallPart && first - length > farAhead;
}

/** A part of a blob by itself, unchecked. @returns how many bytes of it the registry gave */
async function* partAhead(
  { registries, turns, signal }: ServingDeps,
  { name, ...blob }: BlobName & { readonly size: number },
  { first, end }: ByteRange,
): AsyncGenerator<Uint8Array, number> {
  let given = 0;
  using _turn = await turns.take(`parts of ${name.domain}`, signal);
  try {
    for await (const piece of registries.repository(name).blob(blob, { offset: first, end, partOnly: true, signal })) {
      given += piece.length;
      yield piece;
    }
  } catch (error) {
    // What arrives has it as well, later.
    if (!isKind(error, "unavailable")) throw error;
  }
  return given;
}
