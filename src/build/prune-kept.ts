import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sizeOfFiles } from "../archive/walk.ts";
import type { Garbage } from "../base/problem.ts";
import type { Host } from "../host/host.ts";
import { type Lock, tryLock } from "../host/lock.ts";
import { deleteKept, type KeptStep, keptRows, keptSteps } from "./kept-steps.ts";
import type { OpDeps } from "./op-deps.ts";

/** Where the snapshots of a kept step lie. */
export function keptPaths({ root }: Pick<Host, "root">, { files, mounts }: KeptStep): readonly string[] {
  return [files, ...(mounts === undefined ? [] : [mounts])].map((key) => join(root, "active", key));
}

/** Take a kept step for oneself: to run in it, or to delete it. @returns undefined, when somebody else has it */
export function tryLockKept(
  { root, syscalls }: Pick<Host, "root" | "syscalls">,
  { files }: KeptStep,
): Lock | undefined {
  return tryLock(syscalls, join(root, "active", files), { create: false });
}

/**
 * Forget kept steps and delete their files, but for the newest and for those in which somebody is.
 *
 * @returns bytes freed
 */
export async function pruneKept(
  { host, db }: Pick<OpDeps, "host" | "db">,
  { keep }: { keep: number },
): Promise<number> {
  using locks = new DisposableStack();
  const doomed = keptSteps(db)
    .slice(keep)
    .filter((step) => {
      const taken = locks.use(tryLockKept(host, step));
      return taken !== undefined || isGone(host, step);
    });
  if (doomed.length === 0) return 0;
  await db.write((sql) => {
    for (const { id } of doomed) deleteKept(sql, id);
  });
  let bytes = 0;
  for (const path of doomed.flatMap((step) => keptPaths(host, step))) {
    bytes += existsSync(path) ? sizeOfFiles(path) : 0;
    rmSync(path, { recursive: true, force: true });
  }
  return bytes;
}

/** Kept steps whose files are gone: a retry that made a layer of them was killed before it had forgotten them. */
export function keptGarbage({ host, db }: Pick<OpDeps, "host" | "db">): readonly Garbage[] {
  return keptSteps(db)
    .filter((step) => isGone(host, step))
    .map((step) => ({
      what: `record of the failed step ${step.id}, whose files are gone`,
      remove: () =>
        db.write((sql) => {
          if (keptRows(sql).some(({ id }) => id === step.id) && isGone(host, step)) deleteKept(sql, step.id);
        }),
    }));
}

function isGone({ root }: Pick<Host, "root">, { files }: KeptStep): boolean {
  return !existsSync(join(root, "active", files, "upper"));
}
