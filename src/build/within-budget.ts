import { type Operation, stoppedBy } from "../base/operation.ts";
import { type Lock, lock, lockPath, tryLock } from "../host/lock.ts";
import { type BuildCacheSettings, readSettings } from "../host/settings.ts";
import { type Disk, freeSpace, type Space } from "./cache-budget.ts";
import { mountsSize } from "./cache-usage.ts";
import { type PruneDeps, pruneBuilds } from "./prune.ts";

/**
 * Build, and delete afterwards what the build cache has beyond its budget: what was used longest ago. While another build runs nothing
 * is deleted: it may have found something that it needs later.
 *
 * @throws as `body`; {BerthError} invalid-argument, when the settings file is malformed: nothing is built then
 */
export async function withinBudget<T>(deps: PruneDeps, { signal }: Operation, body: () => Promise<T>): Promise<T> {
  const { gc = {} } = readSettings().builder;
  const { syscalls } = deps.host;
  const path = lockPath(deps.host, "builds");
  const stop = stoppedBy(signal);
  const result = await running(() => lock(syscalls, path, { kind: "shared", ...stop }), body);
  using alone = gc.enabled === false ? undefined : tryLock(syscalls, path);
  if (alone !== undefined) await keepWithin(deps, spaceOf(gc, freeSpace(deps.host.root)), stop);
  return result;
}

async function running<T>(take: () => Promise<Lock>, body: () => Promise<T>): Promise<T> {
  using _running = await take();
  return await body();
}

async function keepWithin(deps: PruneDeps, space: Space, stop: Operation): Promise<void> {
  const layers = deps.db.read((sql) => sql.get<{ size: number }>("SELECT coalesce(sum(size), 0) AS size FROM layer"));
  // With the layers of images it is not less than the cache has.
  const most = (layers?.size ?? 0) + (await mountsSize(deps.host));
  const { reserved = 0, maxUsed = 0, minFree = 0 } = space;
  if (most <= (minFree === 0 ? Math.max(reserved, maxUsed) : reserved)) return;
  if (stop.signal?.aborted !== true) await pruneBuilds(deps, { ...space, ...stop });
}

const gigabyte = 1e9;

/** What is set; where nothing is, BuildKit's parts of the disk. @see BuildKit cmd/buildkitd/config/gcpolicy.go */
export function spaceOf(set: BuildCacheSettings, { size }: Pick<Disk, "size">): Space {
  const { reservedSpace: reserved = 0, maxUsedSpace: maxUsed = 0, minFreeSpace: minFree = 0 } = set;
  if (reserved !== 0 || maxUsed !== 0 || minFree !== 0) return { reserved, maxUsed, minFree };
  return {
    reserved: Math.min(0.1 * size, 10 * gigabyte),
    maxUsed: Math.min(0.8 * size, 100 * gigabyte),
    minFree: 0.2 * size,
  };
}
