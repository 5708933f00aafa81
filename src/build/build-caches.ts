import { operationOf } from "../base/operation.ts";
import type { BuildDeps, BuildOptions } from "./build.ts";
import type { BuildToExport, SolvedBuild } from "./cache-exports.ts";
import type { CacheImports } from "./cache-imports.ts";
import type { Built } from "./export-images.ts";

/** The caches from elsewhere that a build looks into; undefined where it is told of none. */
export async function importsOf(deps: BuildDeps, options: BuildOptions): Promise<CacheImports | undefined> {
  const { cacheFrom = [] } = options;
  if (cacheFrom.length === 0) return undefined;
  const { openCacheImports } = await import("./cache-imports.ts");
  return await openCacheImports(deps, cacheFrom, operationOf(options));
}

/** Write the caches that are asked for. @returns warnings */
export async function exportCaches(
  deps: BuildDeps,
  cache: BuildToExport,
  options: BuildOptions,
): Promise<readonly string[]> {
  const { cacheTo = [] } = options;
  if (cacheTo.length === 0) return [];
  const { exportBuildCaches } = await import("./cache-exports.ts");
  return await exportBuildCaches(deps, cache, { ...operationOf(options), cacheTo });
}

/** What puts the cache into an image's config, where that is asked for. */
export async function inlineCache(
  deps: BuildDeps,
  cache: SolvedBuild,
  options: BuildOptions,
): Promise<Pick<Built, "complete">> {
  if (options.inlineCache !== true) return {};
  const { inlineCacheOf } = await import("./cache-exports.ts");
  return { complete: await inlineCacheOf(deps, cache, operationOf(options)) };
}
