import type { Operation } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";

/** A descriptor that says what it points to. */
export type TypedDescriptor = Descriptor & { readonly mediaType: string };

/** A manifest or index as a registry sent it. */
export interface RemoteManifest {
  /** What its digest is of. */
  readonly bytes: Buffer;
  readonly descriptor: TypedDescriptor;
}

/** What an upload reads: the bytes, and at their end the digest of them. */
export interface UploadBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Asked for when the bytes have ended. */
  readonly digest: () => Digest;
}

/** A blob on its way to a registry. */
export interface Upload {
  /** Absent when only the end tells. */
  readonly digest?: Digest;
  /** Bytes. */
  readonly size?: number;
  /** Path of a repository on the same registry that may have it. */
  readonly mountFrom?: string;
  /** The bytes from the first on; asked for again when what was sent is lost. */
  readonly body: () => UploadBody;
}

/**
 * What a user proves to a registry. An identity token is what a token server gave in exchange for a password; a registry token is
 * sent as it is where the registry wants one of a token server.
 */
export type Credentials =
  | { readonly username: string; readonly password: string }
  | { readonly identityToken: string }
  | { readonly registryToken: string };

/** Which bytes of a blob are asked for. */
export interface BlobOptions extends Operation {
  /** The first one; 0 when absent. */
  readonly offset?: number;
  /** The one behind the last; the blob's size when absent. */
  readonly end?: number;
  /** True for whoever is done with a piece when it asks for the next one: that is faster. */
  readonly fleeting?: boolean;
  /** Fail where a server gives the whole instead of a part. */
  readonly partOnly?: boolean;
}

/** What a registry last said of how much may still be asked of it. @see Docker Hub, usage and rate limiting */
export interface RateLimit {
  readonly limit?: number;
  readonly remaining: number;
  /** Seconds that the limit is for. */
  readonly window?: number;
}

/**
 * One repository of a registry. What reads asks the mirrors of the registry first, and goes on to the next where one can't answer.
 * Requests that fail by the network, or by a fault of the server, are made again as the settings say. Errors have Docker's text.
 *
 * @see distribution-spec v1.1
 */
export interface Repository {
  /**
   * A manifest or index by tag or digest, whole and checked: against the digest that was asked for, or else against the one that
   * the registry names.
   *
   * @throws {BerthError} not-found; permission-denied; data-loss, for bytes of another digest; invalid-argument, for Docker's
   *   schema 1; unavailable
   */
  manifest(tagOrDigest: string, operation?: Operation): Promise<RemoteManifest>;
  /** The same without its bytes. */
  resolve(tagOrDigest: string, operation?: Operation): Promise<TypedDescriptor>;
  /**
   * The bytes of a blob from `offset` up to `end`, never more than its size in all. Goes on by itself where a connection was cut. The caller
   * checks the digest. Of a large blob that comes slowly several ranges are fetched at the same time, where the server gives ranges.
   *
   * @throws {BerthError} not-found; data-loss, when the registry sends more than the size or another part of it; unavailable
   */
  blob(descriptor: Descriptor, options?: BlobOptions): AsyncIterable<Uint8Array>;
  /**
   * Say that the bytes that came of a blob have another digest: mirrors that gave some of them aren't asked for it again.
   *
   * @returns whether it makes sense to ask for it again: somebody else is asked
   */
  distrust(digest: Digest): boolean;
  hasBlob(digest: Digest, operation?: Operation): Promise<boolean>;
  /** Whether the registry itself has a manifest or an index. */
  hasManifest(digest: Digest, operation?: Operation): Promise<boolean>;
  /** Bytes of a blob whose manifest isn't at hand; undefined where there is no such blob. @throws {BerthError} unavailable, also where the registry doesn't say */
  blobSize(digest: Digest, operation?: Operation): Promise<number | undefined>;
  /**
   * Upload a blob, unless it is there: where `mountFrom` is given, a mount from that repository is asked for first.
   *
   * @throws {BerthError} permission-denied; data-loss, when the registry got bytes of another digest; unavailable
   */
  upload(blob: Upload, operation?: Operation): Promise<"exists" | "mounted" | "pushed">;
  /**
   * Store a manifest or index by its digest, and then give it the tag, where one is meant. Where it has a `subject` and the registry
   * has no referrers API, the index that stands in for that is brought up to date.
   *
   * @throws {BerthError} data-loss, when the registry has another one in its place; failed-precondition and conflict, when it can't be listed
   */
  putManifest(
    tagOrDigest: string,
    manifest: { readonly bytes: Uint8Array; readonly mediaType: string },
    operation?: Operation,
  ): Promise<void>;
  deleteManifest(digest: Digest, operation?: Operation): Promise<void>;
  /** The tags, in the registry's order. */
  tags(operation?: Operation): AsyncIterable<string>;
  /** Manifests whose `subject` is `digest`. */
  referrers(
    digest: Digest,
    options?: Operation & { readonly artifactType?: string },
  ): Promise<readonly TypedDescriptor[]>;
  /** What the registry last said of its quota. */
  rateLimit(): RateLimit | undefined;
}
