import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyLayer } from "../archive/extract.ts";
import { archiveOf, type Entry, streamOf } from "../archive/testing.ts";
import { type Host, openHost } from "../host/host.ts";
import type { Mount } from "../host/mount.ts";
import type { Database } from "../metadata/database.ts";
import { openDatabase } from "../metadata/open.ts";
import type { ChainID } from "../oci/digest.ts";
import { openSnapshotter, type Snapshotter } from "./snapshotter.ts";

/** A store in a directory of its own, gone when its scope ends. */
export interface TestStore extends AsyncDisposable {
  readonly host: Host;
  readonly db: Database;
  readonly snapshotter: Snapshotter;
  /** Another process's view of the same store, as far as locks and records go. */
  another(): Promise<{ readonly snapshotter: Snapshotter; readonly db: Database } & AsyncDisposable>;
  /** Commit a layer of `entries` above `parent`. */
  commit(entries: readonly Entry[], parent?: ChainID): Promise<ChainID>;
}

/** Open a {@link TestStore}. */
export async function testStore(): Promise<TestStore> {
  const base = mkdtempSync(join(tmpdir(), "berth-snapshot-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(base, { recursive: true }));
  const host = openHost({ root: join(base, "root"), runRoot: join(base, "run") });
  const open = async (): Promise<Awaited<ReturnType<TestStore["another"]>>> => {
    await using own = new AsyncDisposableStack();
    const db = own.use(await openDatabase(host));
    const snapshotter = own.use(openSnapshotter(host, db));
    const owned = own.move();
    return { db, snapshotter, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  };
  const { db, snapshotter } = stack.use(await open());
  let commits = 0;
  const commit = async (entries: readonly Entry[], parent?: ChainID): Promise<ChainID> => {
    await using active = await snapshotter.prepare(`layer-${commits++}`, parent);
    const archive = streamOf(archiveOf(...entries));
    await applyLayer(archive, active.upper, { syscalls: host.syscalls, whiteouts: "overlay" });
    return (await active.commit()).chainID;
  };
  const owned = stack.move();
  return { host, db, snapshotter, another: open, commit, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Run a shell script in the root of what `mount` shows, in a mount namespace of its own. @returns its output */
export function inMount(mount: Mount, script: string): string {
  const place = mkdtempSync(join(tmpdir(), "berth-mounted-"));
  try {
    const lines = [
      "set -e",
      `cd ${mount.cwd ?? "/"}`,
      `mount -t ${mount.type} -o ${mount.options.join(",")} ${mount.source} ${place}`,
      `cd ${place}`,
      script,
    ];
    return execFileSync("unshare", ["-m", "sh", "-c", lines.join("\n")], { encoding: "latin1" });
  } finally {
    rmSync(place, { recursive: true });
  }
}
