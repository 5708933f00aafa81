import type { CachedManifest } from "../image/cache-records.ts";
import type { ImageDeps } from "../image/images.ts";
import type { RunningCache, ServeOptions } from "../registry-server/server.ts";
import type { LazyRegistries } from "./registries.ts";

/** The pull-through cache: a registry that keeps what passes through, in the store that images are in. */
export interface Cache {
  /**
   * Serve it until what is returned is disposed.
   *
   * @throws {BerthError} invalid-argument, failed-precondition
   */
  serve(options: ServeOptions): Promise<RunningCache>;
  /** The manifests that it keeps. */
  list(): Promise<readonly CachedManifest[]>;
  /** Forget what was asked for least recently until `most` bytes are left; 0 for all. @returns bytes forgotten, some of which images may still keep */
  prune(most: number): Promise<number>;
}

/** Open the cache of an engine. Nothing is loaded before it is used. */
export function openCache(deps: ImageDeps, lazy: LazyRegistries): Cache {
  return {
    serve: async (options) => {
      const [{ serveCache }, { withoutItself }] = await Promise.all([
        import("../registry-server/server.ts"),
        import("../registry-server/itself.ts"),
      ]);
      await using stack = new AsyncDisposableStack();
      const registries = stack.use(await lazy.openOthers((settings) => withoutItself(settings, options.listen)));
      const running = stack.use(await serveCache({ ...deps, registries }, options));
      const owned = stack.move();
      return { url: running.url, [Symbol.asyncDispose]: () => owned.disposeAsync() };
    },
    list: async () => {
      const { listCache } = await import("../image/cache-records.ts");
      return deps.db.read(listCache);
    },
    prune: async (most) => {
      const [{ shrinkCache }, { collectBlobs }] = await Promise.all([
        import("../image/cache-records.ts"),
        import("../image/collect-blobs.ts"),
      ]);
      const forgotten = await deps.db.write((sql) => shrinkCache(sql, most));
      await collectBlobs(deps);
      return forgotten;
    },
  };
}
