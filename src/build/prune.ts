import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { sizeOfFiles } from "../archive/walk.ts";
import { randomID } from "../base/ids.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Garbage } from "../base/problem.ts";
import { abandonedDirs, namesIn, removeAbandoned } from "../host/held-dir.ts";
import { tryLock } from "../host/lock.ts";
import type { BuildDeps } from "./build.ts";
import { bytesKept, chooseDoomed, freeSpace, type Space } from "./cache-budget.ts";
import { type BuildUsage, buildUsages, useLockPath } from "./cache-usage.ts";
import { pruneKept } from "./prune-kept.ts";

/** What {@link pruneBuilds} works with. */
export type PruneDeps = Pick<BuildDeps, "host" | "db" | "snapshotter">;

/** What is to go of the build cache. */
export interface PruneBuilds extends Operation, Space {
  /** What may go; everything when absent. */
  readonly fits?: (usage: BuildUsage) => boolean;
}

/**
 * Forget what earlier builds left: records, digests of context files, the directories of `RUN --mount=type=cache` that no step
 * has at the moment, steps that failed; and delete the layers that nothing else needs. Where bytes are to be kept, what was used longest ago goes first.
 *
 * @returns bytes freed
 */
export async function pruneBuilds(deps: PruneDeps, options: PruneBuilds = {}): Promise<number> {
  const { fits, maxUsed, reserved, minFree, signal } = options;
  const operation = stoppedBy(signal);
  if (fits !== undefined || maxUsed !== undefined || reserved !== undefined || minFree !== undefined)
    return await pruneSome(deps, options);
  await deps.db.write((sql) => {
    sql.run("DELETE FROM build_record");
    sql.run("DELETE FROM file_digest");
  });
  const caches = await pruneMounts(deps, namesIn(join(deps.host.root, "build-cache")), operation);
  const kept = await pruneKept(deps, { keep: 0 });
  return caches + kept + (await deps.snapshotter.collect({ ...operation, spareOwn: true })).bytes;
}

async function pruneSome(deps: PruneDeps, { fits = () => true, signal, ...space }: PruneBuilds): Promise<number> {
  const operation = stoppedBy(signal);
  const usages = await buildUsages(deps);
  const size = usages.reduce((sum, usage) => sum + (usage.shared ? 0 : usage.size), 0);
  const kept = bytesKept(size, space, freeSpace(deps.host.root));
  const excess = kept === 0 ? Number.POSITIVE_INFINITY : size - kept;
  const doomed = chooseDoomed({ usages, layers: deps.snapshotter.layers() }, { fits, excess });
  if (doomed.length === 0) return 0;
  await deps.db.write((sql) => {
    // One that was used since stays.
    for (const { id, used } of doomed) sql.run("DELETE FROM build_record WHERE key = ? AND used = ?", id, used);
  });
  const mounts = doomed.filter(({ type }) => type === "exec.cachemount").map(({ id }) => id);
  const caches = await pruneMounts(deps, mounts, operation);
  return caches + (await deps.snapshotter.collect({ ...operation, spareOwn: true })).bytes;
}

async function pruneMounts(
  { host }: Pick<PruneDeps, "host">,
  names: readonly string[],
  { signal }: Operation,
): Promise<number> {
  const parent = join(host.root, "build-cache");
  let bytes = 0;
  for (const name of new Set(names.map((each) => each.replace(/\.(?:use|lock|size)$/, "")))) {
    signal?.throwIfAborted();
    const directory = join(parent, name);
    const locks = [useLockPath(directory), `${directory}.lock`].map((path) => tryLock(host.syscalls, path));
    using stack = new DisposableStack();
    for (const taken of locks) stack.use(taken);
    if (locks.includes(undefined)) continue;
    const doomed = join(host.root, "tmp", `cache-${randomID()}`);
    mkdirSync(join(host.root, "tmp"), { recursive: true, mode: 0o700 });
    if (existsSync(directory)) renameSync(directory, doomed);
    for (const suffix of [".use", ".lock", ".size"]) rmSync(`${directory}${suffix}`, { force: true });
    bytes += sizeOfFiles(doomed);
    await rm(doomed, { recursive: true, force: true });
  }
  return bytes;
}

/** What steps that were killed have left below the run root. */
export function stepGarbage(deps: Pick<BuildDeps, "host" | "runtime">): readonly Garbage[] {
  const { syscalls, runRoot } = deps.host;
  return ["step-", "inline-", "agent-"].flatMap((prefix) =>
    abandonedDirs(syscalls, runRoot, prefix).map((name) => ({
      what: `what is left of build step ${name}`,
      remove: async () => {
        await deps.runtime.delete(name, { force: true });
        await removeAbandoned(syscalls, join(runRoot, name));
      },
    })),
  );
}
