import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { layerTar, layerWriters } from "../archive/layer-tar.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import { manifestPath } from "./layer-records.ts";
import type { ActiveSnapshot, Layer } from "./snapshotter.ts";
import { inMount, type TestStore, testStore } from "./testing.ts";

const missing = `sha256:${"0".repeat(64)}` as ChainID;

function mountOf(active: ActiveSnapshot): Parameters<typeof inMount>[0] {
  const [mount] = active.mounts();
  if (mount === undefined) throw new Error("no mount");
  return mount;
}

async function committed(store: TestStore, ...entries: Parameters<TestStore["commit"]>[0]): Promise<Layer> {
  const layer = store.snapshotter.find(await store.commit(entries));
  if (layer === undefined) throw new Error("no layer");
  await store.snapshotter.flush();
  return layer;
}

/** The archive of a layer. */
async function written(store: TestStore, layer: Layer): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(store.snapshotter.archive(layer)));
}

/** Refer to a chain as an image does. */
async function refer(store: TestStore, chainID: ChainID): Promise<void> {
  await store.db.write((sql) =>
    sql.run("INSERT INTO build_record (key, chain_id, created, used) VALUES (?, ?, '', '')", chainID, chainID),
  );
}

async function forget(store: TestStore): Promise<void> {
  await store.db.write((sql) => sql.run("DELETE FROM build_record"));
}

function directories(store: TestStore, name: "layers" | "active" | "leases" | "tmp"): string[] {
  return readdirSync(join(store.host.root, name)).sort();
}

describe("an active snapshot", () => {
  test("is written through its mount, committed, and built upon", async () => {
    await using store = await testStore();
    const base = await store.commit([
      ["a", "file", "1"],
      ["d/x", "file"],
    ]);
    await using active = await store.snapshotter.prepare("work", base);
    inMount(mountOf(active), "echo 2 > b; rm -r d; cat a");
    expect(active.view().readdir("/")).toEqual(["a", "b"]);
    expect(await active.usage()).toBe(2);
    const layer = await active.commit();
    expect(layer).toMatchObject({ parent: base, size: 2 });
    expect(store.snapshotter.view(layer.chainID).readdir("/")).toEqual(["a", "b"]);
    expect(directories(store, "active")).toEqual([]);
  });

  test("is committed as its archive has it: without attributes that Docker's layers don't have, on each name of a file", async () => {
    await using store = await testStore();
    await using active = await store.snapshotter.prepare("work", undefined);
    const names = ["file", "other", "dir"] as const;
    inMount(mountOf(active), "mkdir dir; echo > file; ln file other");
    for (const name of names) {
      store.host.syscalls.lsetxattr(join(active.upper, name), "user.note", Buffer.from("x"));
      store.host.syscalls.lsetxattr(join(active.upper, name), "trusted.note", Buffer.from("x"));
    }
    const layer = await active.commit();
    for (const name of names) expect(store.host.syscalls.llistxattr(join(layer.path, name))).toEqual([]);
    await store.snapshotter.flush();
    expect(await Array.fromAsync(store.snapshotter.check({ quick: false, looked: () => undefined }))).toEqual([]);
  });

  test("is committed as its archive has it: a file whose name is a whiteout's is one", async () => {
    await using store = await testStore();
    const base = await store.commit([
      ["kept", "file"],
      ["gone", "file"],
      ["d/old", "file"],
    ]);
    await using active = await store.snapshotter.prepare("work", base);
    inMount(mountOf(active), "echo > .wh.gone; echo > d/.wh..wh..opq; echo > d/new; mkdir .wh.dir; echo > .wh.dir/x");
    const layer = await active.commit();
    const tree = store.snapshotter.view(layer.chainID);
    expect(tree.readdir("/")).toEqual([".wh.dir", "d", "kept"]);
    expect(tree.readdir("/d")).toEqual(["new"]);
    await store.snapshotter.flush();
    const archive = await written(store, layer);
    await using other = await testStore();
    const otherBase = await other.commit([
      ["kept", "file"],
      ["gone", "file"],
      ["d/old", "file"],
    ]);
    const [loaded] = await other.snapshotter.unpack(otherBase, [
      {
        diffID: layer.diffID,
        name: "layer 1",
        open: async function* () {
          yield archive;
        },
      },
    ]);
    expect(other.snapshotter.view(loaded?.chainID).readdir("/")).toEqual(tree.readdir("/"));
    expect(other.snapshotter.view(loaded?.chainID).readdir("/d")).toEqual(["new"]);
  });

  test("without a parent is an empty root", async () => {
    await using store = await testStore();
    await using active = await store.snapshotter.prepare("scratch", undefined);
    expect(inMount(mountOf(active), "ls -A; echo > x")).toBe("");
    expect((await active.changes()).map(({ path }) => path)).toEqual(["/x"]);
  });

  test("is gone when it is disposed, unless it was kept", async () => {
    await using store = await testStore();
    const base = await store.commit([["a", "file"]]);
    {
      await using _dropped = await store.snapshotter.prepare("dropped", base);
      await using kept = await store.snapshotter.prepare("kept", base);
      writeFileSync(join(kept.upper, "b"), "");
      kept.keep();
    }
    expect(directories(store, "active")).toEqual(["kept"]);
    {
      await using opened = await store.snapshotter.open("kept", base);
      expect(opened.parent).toBe(base);
      expect(opened.view().readdir("/")).toEqual(["a", "b"]);
    }
    await store.snapshotter.remove("kept");
    await store.snapshotter.remove("kept");
    await expect(store.snapshotter.open("kept", base)).rejects.toMatchObject({ kind: "not-found" });
  });

  test("needs a parent that is there and a key that is free", async () => {
    await using store = await testStore();
    await expect(store.snapshotter.prepare("a", missing)).rejects.toMatchObject({ kind: "not-found" });
    await using _first = await store.snapshotter.prepare("a", undefined);
    await expect(store.snapshotter.prepare("a", undefined)).rejects.toMatchObject({ kind: "already-exists" });
    expect(directories(store, "active")).toEqual(["a"]);
    await expect(store.snapshotter.prepare("../a", undefined)).rejects.toThrow('bad snapshot key "../a"');
  });

  test("leaves nothing behind when its mount points can't be made", async () => {
    await using store = await testStore();
    const init = (): void => {
      throw new Error("no space");
    };
    await expect(store.snapshotter.prepare("a", undefined, { init })).rejects.toThrow("no space");
    expect(directories(store, "active")).toEqual([]);
  });

  test("has the root of its parent, and hands it on", async () => {
    await using store = await testStore();
    const base = await store.commit([["./", "dir", "", { mode: 0o1777, uid: 5, gid: 6 }]]);
    await using active = await store.snapshotter.prepare("a", base);
    expect(inMount(mountOf(active), "stat -c %a:%u:%g .")).toBe("1777:5:6\n");
    expect(store.snapshotter.view((await active.commit()).chainID).lstat("/")?.stats.uid).toBe(5n);
  });
});

describe("mount points", () => {
  const init = (directory: string): void => {
    for (const path of ["etc", "dev", "proc"]) mkdirSync(join(directory, path));
    for (const path of ["etc/hosts", "etc/resolv.conf", "dev/console"]) writeFileSync(join(directory, path), "");
  };

  test("are seen, and are neither a change nor part of a commit", async () => {
    await using store = await testStore();
    const base = await store.commit([
      ["etc/hosts", "file", "the image's"],
      ["etc", "dir", "", { mode: 0o700, uid: 7 }],
    ]);
    await using active = await store.snapshotter.prepare("a", base, { init });
    expect(active.view().readdir("/etc")).toEqual(["hosts", "resolv.conf"]);
    expect(inMount(mountOf(active), "cat etc/hosts; stat -c ' %a %u' etc")).toBe("the image's 700 7\n");
    expect(await active.changes()).toEqual([]);
    const { path } = await active.commitCopy();
    expect(readdirSync(path)).toEqual([]);
  });

  test("don't cover a link", async () => {
    await using store = await testStore();
    const base = await store.commit([
      ["etc", "symlink", "usr/etc"],
      ["usr/etc/passwd", "file"],
    ]);
    await using active = await store.snapshotter.prepare("a", base, { init });
    expect(active.view().readdir("/etc")).toEqual(["passwd"]);
  });
});

describe("a commit", () => {
  test("has the digest of its archive", async () => {
    await using store = await testStore();
    const chain = await store.commit([["a", "file", "1"]]);
    const layer = store.snapshotter.find(chain);
    expect(layer?.diffID).toBe(chain);
    const archive = await Array.fromAsync(
      layerTar(layer?.path ?? "", { syscalls: store.host.syscalls, writer: layerWriters.made }),
    );
    const { digestOf } = await import("../oci/digest.ts");
    expect(digestOf(Buffer.concat(archive))).toBe(chain);
  });

  test("gives its archive by its manifest, whatever its directory says of the files, and not with another content", async () => {
    await using store = await testStore();
    const layer = await committed(store, ["d/a", "file", "1"]);
    const archive = await written(store, layer);
    chmodSync(join(layer.path, "d/a"), 0o600);
    writeFileSync(join(layer.path, "d/more"), "");
    expect(await written(store, layer)).toEqual(archive);
    writeFileSync(join(layer.path, "d/a"), "2");
    await expect(written(store, layer)).rejects.toMatchObject({ kind: "data-loss" });
    rmSync(join(layer.path, "d/a"));
    store.host.syscalls.mknod(join(layer.path, "d/a"), 0o010644, 0, 0);
    await expect(written(store, layer)).rejects.toMatchObject({ kind: "data-loss" });
  });

  test.each([["missing"], ["damaged"]])(
    "gives its archive by its directory where its manifest is %s",
    async (state) => {
      await using store = await testStore();
      const layer = await committed(store, ["d/a", "file", "1"]);
      const archive = await written(store, layer);
      const manifest = manifestPath(layer.path);
      if (state === "missing") rmSync(manifest);
      else truncateSync(manifest, 20);
      expect(await written(store, layer)).toEqual(archive);
    },
  );

  test("that equals an earlier one is that one, in this process and in another", async () => {
    await using store = await testStore();
    const twins = await Promise.all([1, 2, 3].map(() => store.commit([["a", "file", "1"]])));
    expect(new Set(twins).size).toBe(1);
    await using other = await store.another();
    await using active = await other.snapshotter.prepare("other", undefined);
    writeFileSync(join(active.upper, "a"), "1");
    chmodSync(join(active.upper, "a"), 0o644);
    store.host.syscalls.lutimes(join(active.upper, "a"), 1_000_000_000n, 1_000_000_000n);
    expect((await active.commit()).chainID).toBe(twins[0]);
    await store.snapshotter.flush();
    await other.snapshotter.flush();
    expect(store.snapshotter.layers().length).toBe(1);
    await refer(store, twins[0] ?? missing);
    await other.snapshotter[Symbol.asyncDispose]();
    await store.snapshotter.collect();
    expect(directories(store, "layers").length).toBe(2);
  });

  test("is seen by others when it is flushed", async () => {
    await using store = await testStore();
    await using other = await store.another();
    const base = await store.commit([["a", "file"]]);
    const top = await store.commit([["b", "file"]], base);
    expect(other.snapshotter.find(top)).toBeUndefined();
    await store.snapshotter.flush();
    expect(other.snapshotter.find(top)).toEqual(store.snapshotter.find(top));
    expect(other.snapshotter.layers().map(({ chainID }) => chainID)).toEqual([top, base]);
    expect(other.snapshotter.view(top).readdir("/")).toEqual(["a", "b"]);
  });

  test("of a copy leaves the snapshot as it was", async () => {
    await using store = await testStore();
    const base = await store.commit([["d/a", "file"]]);
    await using active = await store.snapshotter.prepare("container", base);
    inMount(mountOf(active), "rm -r d; mkdir d; echo > d/b");
    const layer = await active.commitCopy();
    expect(store.snapshotter.view(layer.chainID).readdir("/d")).toEqual(["b"]);
    expect(active.view().readdir("/d")).toEqual(["b"]);
    expect((await active.commit()).chainID).toBe(layer.chainID);
  });

  test("that is cancelled leaves the snapshot", async () => {
    await using store = await testStore();
    await using active = await store.snapshotter.prepare("a", undefined);
    await expect(active.commit({ signal: AbortSignal.abort(new Error("stopped")) })).rejects.toThrow("stopped");
    expect(lstatSync(active.upper).isDirectory()).toBe(true);
    expect(directories(store, "layers")).toEqual([]);
  });
});

test("a hold that failed is none: the next one is written down", async () => {
  await using store = await testStore();
  await using _opened = await store.snapshotter.holdBlob(digestOf("first"));
  const [lease = ""] = directories(store, "leases").map((name) => join(store.host.root, "leases", name));
  const digest = digestOf("second");
  renameSync(lease, `${lease}-away`);
  await expect(store.snapshotter.holdBlob(digest)).rejects.toMatchObject({ code: "ENOENT" });
  renameSync(`${lease}-away`, lease);
  await using _held = await store.snapshotter.holdBlob(digest);
  expect(readdirSync(lease)).toContain(`blob-${digest}`);
});

describe("a collection", () => {
  test("deletes what nobody names, top ones first, and tells the bytes", async () => {
    await using store = await testStore();
    const base = await store.commit([["a", "file", "12"]]);
    const top = await store.commit([["b", "file", "345"]], base);
    await store.snapshotter.flush();
    await refer(store, top);
    expect(await store.snapshotter.collect()).toEqual({ layers: [], bytes: 0 });
    await forget(store);
    expect(await store.snapshotter.collect()).toEqual({ layers: [top, base], bytes: 5 });
    expect(directories(store, "layers")).toEqual([]);
  });

  test("spares what lies below something needed", async () => {
    await using store = await testStore();
    const base = await store.commit([["a", "file"]]);
    const [left, right] = [await store.commit([["l", "file"]], base), await store.commit([["r", "file"]], base)];
    await store.snapshotter.flush();
    await refer(store, left);
    expect((await store.snapshotter.collect()).layers).toEqual([right]);
    expect(store.snapshotter.view(left).readdir("/")).toEqual(["a", "l"]);
  });

  test("spares what another process works on: layers it just made, snapshots and their parents", async () => {
    await using store = await testStore();
    await using other = await store.another();
    const base = await store.commit([["a", "file"]]);
    await store.snapshotter.flush();
    await using _active = await store.snapshotter.prepare("working", base);
    const unrecorded = await store.commit([["b", "file"]], base);
    expect(await other.snapshotter.collect()).toEqual({ layers: [], bytes: 0 });
    expect(directories(store, "active")).toEqual(["working"]);
    await store.snapshotter.flush();
    expect(await other.snapshotter.collect()).toEqual({ layers: [], bytes: 0 });
    expect(other.snapshotter.view(unrecorded).readdir("/")).toEqual(["a", "b"]);
  });

  test("spares the parent of a layer that this process hasn't recorded", async () => {
    await using store = await testStore();
    const base = await store.commit([["a", "file"]]);
    await store.snapshotter.flush();
    const top = await store.commit([["b", "file"]], base);
    expect(await store.snapshotter.collect()).toEqual({ layers: [], bytes: 0 });
    await store.snapshotter.flush();
    expect(store.snapshotter.view(top).readdir("/")).toEqual(["a", "b"]);
  });

  test("sweeps what a crash left, and spares containers", async () => {
    await using store = await testStore();
    const base = await store.commit([["a", "file"]]);
    await store.snapshotter.flush();
    await store.db.write((sql) =>
      sql.run(
        "INSERT INTO container (id, name, image_id, chain_id, created, request) VALUES ('c1', 'n', '', ?, '', '')",
        base,
      ),
    );
    for (const key of ["c1", "build-1"]) mkdirSync(join(store.host.root, "active", key, "upper"), { recursive: true });
    mkdirSync(join(store.host.root, "layers/77/etc"), { recursive: true });
    const dead = mkdtempSync(join(store.host.root, "leases/dead-"));
    for (const name of ["active-build-1", "layer-77"]) writeFileSync(join(dead, name), "");
    expect(await store.snapshotter.collect()).toEqual({ layers: [], bytes: 0 });
    expect(directories(store, "active")).toEqual(["c1"]);
    expect(directories(store, "layers")).toEqual(["1", "1.manifest"]);
    expect(directories(store, "leases").filter((name) => name.startsWith("dead"))).toEqual([]);
  });

  test("a scratch directory stays while its process lives", async () => {
    await using store = await testStore();
    mkdirSync(join(store.host.root, "tmp/of-a-dead-one/deep"), { recursive: true });
    {
      await using held = await store.snapshotter.scratch();
      await using other = await store.another();
      await other.snapshotter.collect();
      expect(directories(store, "tmp").map((name) => join(store.host.root, "tmp", name))).toEqual([held.path]);
    }
    expect(directories(store, "tmp")).toEqual([]);
  });

  test("spares what this process is about to name, until it is named", async () => {
    await using store = await testStore();
    const layer = await store.commit([["a", "file"]]);
    await store.snapshotter.flush();
    expect((await store.snapshotter.collect({ spareOwn: true })).layers).toEqual([]);
    await store.snapshotter.referred([layer]);
    expect((await store.snapshotter.collect({ spareOwn: true })).layers).toEqual([layer]);
  });

  test("a number is never given twice", async () => {
    await using store = await testStore();
    await store.commit([["a", "file"]]);
    await store.snapshotter.flush();
    await store.snapshotter.collect();
    await using other = await store.another();
    await using active = await other.snapshotter.prepare("a", undefined);
    expect((await active.commit()).path).toMatch(/layers\/2$/);
  });

  test("a process that ends takes its lease with it", async () => {
    await using store = await testStore();
    const other = await store.another();
    const active = await other.snapshotter.prepare("a", undefined);
    active.keep();
    expect(directories(store, "leases").length).toBe(1);
    await other[Symbol.asyncDispose]();
    expect(directories(store, "leases")).toEqual([]);
    expect(directories(store, "active")).toEqual(["a"]);
  });
});
