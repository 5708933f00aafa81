import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { sizeOfFiles } from "../archive/walk.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import type { Garbage } from "../base/problem.ts";
import { abandonedDirs, namesIn, removeAbandoned } from "../host/held-dir.ts";
import { tryLock } from "../host/lock.ts";
import type { BuildDeps } from "./build.ts";

/**
 * Forget what earlier builds left: records, digests of context files, the directories of `RUN --mount=type=cache` that no step
 * has at the moment; and delete the layers that nothing else needs.
 *
 * @returns bytes freed
 */
export async function pruneBuilds(deps: BuildDeps, operation: Operation = {}): Promise<number> {
  await deps.db.write((sql) => {
    sql.run("DELETE FROM build_record");
    sql.run("DELETE FROM file_digest");
  });
  const caches = await pruneCaches(deps, operation);
  return caches + (await deps.snapshotter.collect({ ...operation, spareOwn: true })).bytes;
}

/** Where the lock lies that every step holds while it has a cache mounted. */
export function useLockPath(directory: string): string {
  return `${directory}.use`;
}

async function pruneCaches({ host }: BuildDeps, { signal }: Operation): Promise<number> {
  const parent = join(host.root, "build-cache");
  let bytes = 0;
  for (const name of new Set(namesIn(parent).map((each) => each.replace(/\.(?:use|lock)$/, "")))) {
    signal?.throwIfAborted();
    const directory = join(parent, name);
    const locks = [useLockPath(directory), `${directory}.lock`].map((path) => tryLock(host.syscalls, path));
    using stack = new DisposableStack();
    for (const taken of locks) stack.use(taken);
    if (locks.includes(undefined)) continue;
    const doomed = join(host.root, "tmp", `cache-${randomID()}`);
    mkdirSync(join(host.root, "tmp"), { recursive: true, mode: 0o700 });
    if (existsSync(directory)) renameSync(directory, doomed);
    for (const suffix of [".use", ".lock"]) rmSync(`${directory}${suffix}`, { force: true });
    bytes += sizeOfFiles(doomed);
    await rm(doomed, { recursive: true, force: true });
  }
  return bytes;
}

/** What steps that were killed have left below the run root. */
export function stepGarbage(deps: Pick<BuildDeps, "host" | "runtime">): readonly Garbage[] {
  const { syscalls, runRoot } = deps.host;
  return ["step-", "inline-"].flatMap((prefix) =>
    abandonedDirs(syscalls, runRoot, prefix).map((name) => ({
      what: `what is left of build step ${name}`,
      remove: async () => {
        await deps.runtime.delete(name, { force: true });
        await removeAbandoned(syscalls, join(runRoot, name));
      },
    })),
  );
}
