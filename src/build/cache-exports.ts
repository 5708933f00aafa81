import { messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { RemoteCacheDeps } from "../remote-cache/deps.ts";
import { exportCache } from "../remote-cache/export-cache.ts";
import { recordsToExport } from "../remote-cache/exported-records.ts";
import { inlineField, inlineRecords } from "../remote-cache/inline.ts";
import type { CacheExport } from "../remote-cache/options.ts";
import { stepsToExport } from "./buildkit/export-steps.ts";
import type { BuildRecord } from "./cache.ts";
import type { CacheImports } from "./cache-imports.ts";
import { mountsToExport } from "./cache-mounts.ts";
import type { Graph } from "./graph.ts";
import { internalStep } from "./progress.ts";
import type { Solved } from "./solve.ts";
import type { SolvingOptions } from "./solve-durably.ts";

/** What a build has for a cache. */
export interface SolvedBuild {
  readonly records: readonly BuildRecord[];
  readonly imports: CacheImports | undefined;
  readonly graph: Graph;
  readonly solved: ReadonlyMap<Digest, Solved>;
  readonly solving: Pick<SolvingOptions, "context" | "contexts" | "commits" | "epoch">;
  /** When the first step could have looked at anything. Milliseconds since the epoch. */
  readonly solvedFrom: number;
}

/** The same with the targets' file systems. */
export interface BuildToExport extends SolvedBuild {
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
  build: BuildToExport,
  { cacheTo, ...operation }: Operation & { readonly cacheTo: readonly CacheExport[] },
): Promise<readonly string[]> {
  const warnings: string[] = [];
  const { tops, graph, solved } = build;
  const caches = build.imports?.caches ?? [];
  const cache = {
    records: recordsToExport(deps.db, build.records, caches),
    steps: await stepsToExport(deps, build, operation),
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

/** What makes an image's config one with the records of the image's own layers. */
export async function inlineCacheOf(
  deps: RemoteCacheDeps,
  build: SolvedBuild,
  operation: Operation,
): Promise<(config: ImageConfig) => ImageConfig> {
  const records = recordsToExport(deps.db, build.records, build.imports?.caches ?? []);
  const steps = await stepsToExport(deps, build, operation);
  return (config) => ({ ...config, [inlineField]: inlineRecords({ records, steps }, config.rootfs.diff_ids) });
}
