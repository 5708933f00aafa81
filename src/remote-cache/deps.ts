import type { ImageDeps } from "../image/images.ts";
import type { Registries } from "../registry/registries.ts";

/** What caches that lie elsewhere are read and written with. */
export interface RemoteCacheDeps extends ImageDeps {
  /** Registries, opened when they are first needed. @param insecure a host whose certificates aren't checked, and where plain HTTP will do */
  readonly openRegistries: (insecure?: string) => Promise<CacheRegistries>;
}

/** Registries, and how much is asked of them at once. */
export interface CacheRegistries {
  readonly registries: Pick<Registries, "repository">;
  readonly parallel: number;
  readonly parallelUploads: number;
}
