import type { ImageDeps } from "../image/images.ts";
import type { Registries } from "../registry/registries.ts";
import type { Turns } from "./turns.ts";
import type { Uses } from "./uses.ts";

/** What the cache works with. */
export interface CacheDeps extends ImageDeps {
  readonly registries: Registries;
}

/** What a part of a running cache works with. */
export interface ServingDeps extends CacheDeps {
  readonly uses: Uses;
  /** At fetching blobs of a registry. */
  readonly turns: Turns;
  /** Bytes that the cache may keep; no end when absent. */
  readonly maxSize: number | undefined;
  /** The cache ends. */
  readonly signal: AbortSignal;
}

/** Where what a client got came from: the store, the registry behind, or the store because that one can't be asked. */
export type Outcome = "hit" | "miss" | "stale";
