import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { randomID } from "../base/ids.ts";
import { holdDir, namesIn } from "../host/held-dir.ts";
import { tryLock } from "../host/lock.ts";
import type { Syscalls } from "../host/syscalls.ts";

/**
 * What a living process needs and no record names yet. Others see it as files in a directory that the process has
 * locked: a crash lets go of all of it.
 */
export interface Lease extends Disposable {
  /** Keep `name` from the collectors of other processes. */
  hold(name: string): void;
  release(name: string): void;
}

/** Open a lease below the directory `leases`. */
export async function openLease(syscalls: Syscalls, leases: string): Promise<Lease> {
  const directory = join(leases, randomID());
  const held = await holdDir(syscalls, directory);
  return {
    hold: (name) => writeFileSync(join(directory, name), ""),
    release: (name) => rmSync(join(directory, name), { force: true }),
    [Symbol.dispose]: () => {
      rmSync(directory, { recursive: true, force: true });
      held[Symbol.dispose]();
    },
  };
}

/** The names that living processes hold, the caller's included. Leases of dead ones are removed. */
export function heldNames(syscalls: Syscalls, leases: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const id of namesIn(leases)) {
    const directory = join(leases, id);
    using dead = tryLock(syscalls, directory, { create: false });
    if (dead !== undefined) rmSync(directory, { recursive: true, force: true });
    else for (const name of namesIn(directory)) names.add(name);
  }
  return names;
}
