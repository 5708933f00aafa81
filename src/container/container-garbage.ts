import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shortID } from "../base/ids.ts";
import type { Garbage } from "../base/problem.ts";
import { namesIn } from "../host/held-dir.ts";
import { lockPath, tryLock } from "../host/lock.ts";
import { leaseNames } from "../snapshot/collect.ts";
import { heldNames } from "../snapshot/lease.ts";
import { storePaths } from "../snapshot/store-paths.ts";
import { attendancePath, bundlePath, type ContainerDeps, exitDirectory, isRecorded } from "./deps.ts";
import { forgetRun, runOf } from "./records.ts";
import { clearStart } from "./start.ts";

const idPattern = /^[a-f0-9]{64}$/;

/** Starts that were killed half way: a bundle, and no process on record. */
export function halfStarted(deps: ContainerDeps): readonly Garbage[] {
  return namesIn(join(deps.host.runRoot, "containers"))
    .filter((id) => idPattern.test(id) && isRecorded(deps.db, id) && isFree(deps, id) && isHalf(deps, id))
    .map((id) => ({
      what: `a start of container ${shortID(id)} that was killed half way`,
      remove: async () => {
        using taken = tryLock(deps.host.syscalls, lockPath(deps.host, id));
        if (taken !== undefined && isHalf(deps, id)) await clearStart(deps, id);
      },
    }));
}

/** Asked while nobody else starts or settles it. */
function isHalf(deps: ContainerDeps, id: string): boolean {
  return runOf(deps, id) === undefined && existsSync(bundlePath(deps, id));
}

/**
 * What is left of containers that aren't recorded: directories, bundles, exit codes, locks, addresses (of build steps too, which
 * have them as containers do). A container that is being made is held; whoever works on one has its lock.
 */
export async function containerGarbage(deps: ContainerDeps): Promise<readonly Garbage[]> {
  const found = new Set(placesOf(deps).flatMap(namesIn));
  for (const id of recordedIDs(deps)) found.add(id);
  const left = [...found].filter((id) => idPattern.test(id));
  const unowned = await deps.db.write((sql) => {
    const held = heldNames(deps.host.syscalls, storePaths(deps.host).leases);
    const isOwned = (id: string): boolean =>
      held.has(leaseNames.active(id)) || sql.get("SELECT 1 FROM container WHERE id = ?", id) !== undefined;
    return left.filter((id) => !isOwned(id));
  });
  return unowned
    .filter((id) => isFree(deps, id))
    .map((id) => ({ what: `what is left of container ${shortID(id)}`, remove: () => removeLeftovers(deps, id) }));
}

/** Directories with an entry per container. */
function placesOf({ host }: ContainerDeps): readonly string[] {
  const inRunRoot = ["containers", "exits", "attended", "locks", "crun"].map((name) => join(host.runRoot, name));
  return [join(host.root, "containers"), ...inRunRoot];
}

function recordedIDs({ state }: ContainerDeps): readonly string[] {
  const rows = state.read((sql) =>
    sql.all<{ id: string }>("SELECT container_id AS id FROM run UNION SELECT container_id FROM endpoint"),
  );
  return rows.map(({ id }) => id);
}

function isFree({ host }: ContainerDeps, id: string): boolean {
  using taken = tryLock(host.syscalls, lockPath(host, id));
  // Looking for the lock has made its file.
  if (taken !== undefined) rmSync(taken.path, { force: true });
  return taken !== undefined;
}

async function removeLeftovers(deps: ContainerDeps, id: string): Promise<void> {
  using taken = tryLock(deps.host.syscalls, lockPath(deps.host, id));
  if (taken === undefined) return;
  await deps.runtime.delete(id, { force: true });
  await deps.networks.release(id);
  await forgetRun(deps, id);
  const files = [deps.directoryOf(id), bundlePath(deps, id), attendancePath(deps, id), join(exitDirectory(deps), id)];
  for (const path of [...files, taken.path]) rmSync(path, { recursive: true, force: true });
}
