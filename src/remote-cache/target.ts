import type { Operation } from "../base/operation.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Upload } from "../registry/repository.ts";
import type { CacheConfig } from "./config.ts";
import type { TravellingLayer } from "./imported-cache.ts";

/** A place that a cache is written to: a registry, a directory, whatever keeps blobs by their digests. */
export interface CacheTarget extends AsyncDisposable {
  /** Blobs at once. */
  readonly most: number;
  readonly hasBlob: (digest: Descriptor["digest"], operation: Operation) => Promise<boolean>;
  /** Write a blob, unless it is there. */
  readonly upload: (blob: Upload, operation: Operation) => Promise<unknown>;
  /** Write down what the cache has, and give that its name: before this nobody sees anything of it. */
  readonly publish: (cache: FinishedCache, operation: Operation) => Promise<void>;
}

/** A cache whose blobs are where it goes. */
export interface FinishedCache {
  readonly config: CacheConfig;
  /** Each blob once, in the order of the config's layers. */
  readonly layers: readonly FinishedLayer[];
  /** Blobs of cache mounts. */
  readonly mounts: readonly Descriptor[];
}

/** A layer that is where the cache goes. */
export interface FinishedLayer extends TravellingLayer {
  /** RFC 3339. */
  readonly createdAt?: string;
}
