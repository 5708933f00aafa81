import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { type Lock, lock, tryLock } from "../host/lock.ts";
import type { Syscalls } from "../host/syscalls.ts";

/**
 * What a living process needs and no record names yet. Others see it as files in a directory whose lock the process
 * holds: a crash lets go of all of it.
 */
export interface Lease extends Disposable {
  /** Keep `name` from the collectors of other processes. */
  hold(name: string): void;
  release(name: string): void;
}

const lockName = "lock";

/** Open a lease below the directory `leases`. */
export async function openLease(syscalls: Syscalls, leases: string): Promise<Lease> {
  const directory = join(leases, randomID());
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const held: Lock = await lock(syscalls, join(directory, lockName));
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
  for (const id of listed(leases)) {
    const directory = join(leases, id);
    using dead = tryLock(syscalls, join(directory, lockName));
    if (dead !== undefined) rmSync(directory, { recursive: true, force: true });
    else for (const name of listed(directory)) names.add(name);
  }
  return names;
}

/** Names in a directory; another collector may have removed it. */
function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
