import { messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { RemoteCacheDeps } from "../remote-cache/deps.ts";
import { exportCache } from "../remote-cache/export-cache.ts";
import { recordsToExport } from "../remote-cache/exported-records.ts";
import { inlineField, inlineRecords } from "../remote-cache/inline.ts";
import type { CacheExport } from "../remote-cache/options.ts";
import type { BuildRecord } from "./cache.ts";
import type { CacheImports } from "./cache-imports.ts";
import { mountsToExport } from "./cache-mounts.ts";
import type { Graph } from "./graph.ts";
import { internalStep } from "./progress.ts";
import type { Solved } from "./solve.ts";

/** What a build has for a cache. */
export interface BuildToExport {
  readonly records: readonly BuildRecord[];
  readonly imports: CacheImports | undefined;
}

/** The same of a build whose steps may have cache mounts. */
export interface SolvedBuild extends BuildToExport {
  readonly graph: Graph;
  readonly solved: ReadonlyMap<Digest, Solved>;
  /** The targets' file systems. */
  readonly tops: readonly ChainID[];
}

const words: Readonly<Record<CacheExport["type"], string>> = {
  registry: "exporting cache to registry",
  local: "exporting cache to client directory",
  s3: "exporting cache to Amazon S3",
  gha: "exporting to GitHub Actions Cache",
};

/**
 * Write a build's cache where it is asked for.
 *
 * @returns warnings: of what failed and may fail
 * @throws {BerthError} as `exportCache`
 */
export async function exportBuildCaches(
  deps: RemoteCacheDeps,
  { records: own, imports, tops, graph, solved }: SolvedBuild,
  { cacheTo, ...operation }: Operation & { readonly cacheTo: readonly CacheExport[] },
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const caches = imports?.caches ?? [];
  const cache = {
    records: recordsToExport(deps.db, own, caches),
    outputs: tops,
    imports: caches,
    mounts: mountsToExport(deps, graph, solved),
  };
  for (const to of cacheTo) {
    try {
      const written = await internalStep(operation, words[to.type], () => exportCache(deps, { cache, to }, operation));
      if (!written) warnings.push("skipping cache export for empty result");
    } catch (error) {
      operation.signal?.throwIfAborted();
      if (!to.ignoreError) throw error;
      warnings.push(`${words[to.type]} failed: ${messageOf(error)}`);
    }
  }
  return warnings;
}

/** An image config with the records of the image's own layers. */
export function withInlineCache(
  deps: RemoteCacheDeps,
  config: ImageConfig,
  { records, imports }: BuildToExport,
): ImageConfig {
  const all = recordsToExport(deps.db, records, imports?.caches ?? []);
  return { ...config, [inlineField]: inlineRecords(all, config.rootfs.diff_ids) };
}
