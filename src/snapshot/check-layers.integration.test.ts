import { chmodSync, lchownSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesOf } from "../archive/byte-string.ts";
import { archiveOf, type Entry, streamOf } from "../archive/testing.ts";
import { makeWhiteout } from "../archive/whiteout.ts";
import type { Problem } from "../base/problem.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import { manifestPath, recipePath } from "./layer-records.ts";
import type { Layer } from "./snapshotter.ts";
import { type TestStore, testStore } from "./testing.ts";

let store: TestStore;
beforeEach(async () => {
  store = await testStore();
});
afterEach(() => store[Symbol.asyncDispose]());

const text = "x".repeat(3000);
const entries: readonly Entry[] = [
  ["etc", "dir"],
  ["etc/a", "file", text],
  ["etc/b", "link", "etc/a"],
  ["etc/s", "symlink", "a"],
  ["etc/.wh.gone", "file"],
  ["opt", "dir"],
  ["opt/.wh..wh..opq", "file"],
  ["opt/pipe", "fifo"],
  ["opt/c", "file", "c", { xattrs: new Map([["user.kept", Buffer.from("1")]]) }],
];

async function problems(quick = false): Promise<readonly Problem[]> {
  await store.snapshotter.flush();
  return await Array.fromAsync(store.snapshotter.check({ quick, looked: () => undefined }));
}

async function mendAll(): Promise<readonly (boolean | string | undefined)[]> {
  const answers: (boolean | string | undefined)[] = [];
  for await (const { mend } of store.snapshotter.check({ quick: false, looked: () => undefined })) {
    answers.push(await mend?.());
  }
  return answers;
}

const layerOf = (chainID: ChainID): Layer => {
  const layer = store.snapshotter.find(chainID);
  if (layer === undefined) throw new Error("the layer was committed");
  return layer;
};

async function unpack(archive: Buffer): Promise<Layer> {
  const open = (): AsyncIterable<Buffer> => streamOf(archive);
  const [layer] = await store.snapshotter.unpack(undefined, [{ diffID: digestOf(archive), name: "layer", open }]);
  if (layer === undefined) throw new Error("no layer");
  return layer;
}

const kinds: Readonly<Record<string, () => Promise<Layer>>> = {
  made: async () => layerOf(await store.commit(entries)),
  unpacked: () => unpack(archiveOf(...entries)),
};

describe.each(Object.keys(kinds))("a layer that was %s", (kind) => {
  const make = async (): Promise<Layer> => {
    const layer = await kinds[kind]?.();
    if (layer === undefined) throw new Error("no such kind");
    return layer;
  };

  test("is as it was committed", async () => {
    await make();
    expect(await problems()).toEqual([]);
    expect(await problems(true)).toEqual([]);
  });

  test.each<readonly [string, string, (at: (name: string) => string) => void]>([
    ["a flipped bit", "/etc/a: content", (at) => flip(at("etc/a"))],
    ["a cut file", "/etc/a: 5 bytes, not 3000", (at) => writeFileSync(at("etc/a"), "short")],
    ["a missing file", "/etc/s: missing", (at) => rmSync(at("etc/s"))],
    ["a missing whiteout", "/etc/gone: missing", (at) => rmSync(at("etc/gone"))],
    ["a missing directory", "/opt/pipe: missing", (at) => rmSync(at("opt"), { recursive: true })],
    ["an extra file", "/opt/more: not part of the layer", (at) => writeFileSync(at("opt/more"), "")],
    ["an extra directory", "/more: not part of the layer", (at) => mkdirSync(at("more/deep"), { recursive: true })],
    ["another mode", "/opt/c: mode 0600, not 0644", (at) => chmodSync(at("opt/c"), 0o600)],
    ["another owner", "/opt/c: owner 7:7, not 0:0", (at) => lchownSync(at("opt/c"), 7, 7)],
    ["another time", "/opt/c: modification time", (at) => store.host.syscalls.lutimes(at("opt/c"), 0n, 0n)],
    [
      "another attribute",
      "/opt/c: extended attributes",
      (at) => store.host.syscalls.lsetxattr(at("opt/c"), "user.more", Buffer.from("1")),
    ],
    ["a split hard link", "/etc/b: file, not link", (at) => writeFileSync(removed(at("etc/b")), text)],
  ])("with %s is found, and mended from a copy", async (_, what, spoil) => {
    const layer = await make();
    await store.commit([
      ["copies", "dir"],
      ["copies/a", "file", text],
      ["copies/c", "file", "c"],
    ]);
    spoil((name) => join(layer.path, name));
    const found = await problems();
    expect(found.map((problem) => problem.what).join("\n")).toContain(what);
    expect(new Set(found.map(({ invariant, chainID }) => `${invariant} ${chainID}`))).toEqual(
      new Set([`L3 ${layer.chainID}`]),
    );
    expect(new Set(await mendAll())).toEqual(new Set([true]));
    expect(await problems()).toEqual([]);
    await Array.fromAsync(store.snapshotter.archive(layer));
  });

  test("with a flipped bit is mended without a copy", async () => {
    const layer = await make();
    flip(join(layer.path, "etc/a"));
    expect(await problems()).toMatchObject([{ invariant: "L3" }, { invariant: "L3" }]);
    expect(new Set(await mendAll())).toEqual(new Set([true]));
    expect(await problems()).toEqual([]);
    expect(readFileSync(join(layer.path, "etc/a"), "utf8")).toBe(text);
  });

  test("whose file has no copy stays, and the rest of it is mended", async () => {
    const layer = await make();
    writeFileSync(join(layer.path, "etc/a"), "y".repeat(3000));
    writeFileSync(join(layer.path, "more"), "");
    const answers = await mendAll();
    expect(answers).toContain(false);
    expect(answers).toContain(true);
    const left = (await problems()).map((problem) => problem.what);
    expect(left.some((what) => what.includes("/etc/a"))).toBe(true);
    expect(left.some((what) => what.includes("/more"))).toBe(false);
    expect(readFileSync(join(layer.path, "opt/c"), "utf8")).toBe("c");
  });

  test.each([["missing"], ["damaged"], ["a directory"]])("whose manifest is %s gets it again", async (state) => {
    const layer = await make();
    const before = readFileSync(manifestPath(layer.path));
    if (state !== "damaged") rmSync(manifestPath(layer.path));
    if (state === "a directory") mkdirSync(manifestPath(layer.path));
    if (state === "damaged") writeFileSync(manifestPath(layer.path), before.subarray(0, 20));
    await store.snapshotter.flush();
    expect(await mendAll()).toEqual([true]);
    expect(readFileSync(manifestPath(layer.path)).equals(before)).toBe(true);
  });
});

test("whiteouts that are names of one file, as overlayfs makes them, are whole", async () => {
  const base = await store.commit([
    ["a", "file", "1"],
    ["b", "file", "2"],
  ]);
  await using active = await store.snapshotter.prepare("deletes", base);
  makeWhiteout(store.host.syscalls, bytesOf(join(active.upper, "a")));
  linkSync(join(active.upper, "a"), join(active.upper, "b"));
  const layer = await active.commit();
  expect(await problems()).toEqual([]);
  rmSync(manifestPath(layer.path));
  expect([...(await store.snapshotter.manifest(layer))].map(({ kind }) => kind)).toEqual(["dir", "char", "char"]);
});

test("what is missing and what was added is named, whatever sorts in between", async () => {
  const names = ["d", "d-e", "d.e", "d0"];
  const { path } = layerOf(
    await store.commit(
      names.flatMap((name): Entry[] => [
        [name, "dir"],
        [`${name}/f`, "file", name],
      ]),
    ),
  );
  rmSync(join(path, "d/f"));
  rmSync(join(path, "d.e"), { recursive: true });
  mkdirSync(join(path, "d.d"));
  writeFileSync(join(path, "d0/e"), "");
  const lines = (await problems()).map(({ what }) => what.replace(/^layer \S+ /, ""));
  const named = lines.filter((line) => /missing|not part/.test(line)).sort();
  expect(named).toEqual([
    "/d.d: not part of the layer",
    "/d.e/f: missing",
    "/d.e: missing",
    "/d/f: missing",
    "/d0/e: not part of the layer",
  ]);
});

test("a file that its recipe holds comes from there", async () => {
  const twice = archiveOf(["a", "file", "old"], ["a", "file", "new"]);
  const layer = await unpack(twice);
  await store.snapshotter.flush();
  writeFileSync(join(layer.path, "a"), "???");
  expect(await mendAll()).toEqual([true]);
  expect(readFileSync(join(layer.path, "a"), "utf8")).toBe("new");
});

test("a damaged recipe is given up where berth writes the same bytes, and is a loss elsewhere", async () => {
  const layer = layerOf(await store.commit([["g", "file", "1"]]));
  const archive = Buffer.concat(await Array.fromAsync(store.snapshotter.archive(layer)));
  await store.snapshotter.flush();
  await store.snapshotter.collect();
  const same = await unpack(archive);
  const foreign = await unpack(archiveOf(["b", "file", "1"], ["a", "file", "1"]));
  await store.snapshotter.flush();
  for (const each of [same, foreign]) writeFileSync(recipePath(each.path), "no recipe");
  expect((await problems()).map(({ invariant }) => invariant)).toEqual(["L4", "L4"]);
  expect(new Set(await mendAll())).toEqual(new Set([true, false]));
  expect(layerOf(same.chainID).writer).not.toBe("recipe");
});

test("a record whose directory is gone is named, and stays", async () => {
  const chain = await store.commit([["f", "file"]]);
  await store.snapshotter.flush();
  rmSync(layerOf(chain).path, { recursive: true });
  expect(await problems()).toMatchObject([{ invariant: "L2", chainID: chain }]);
  expect(await mendAll()).toEqual([false]);
  expect(layerOf(chain).chainID).toBe(chain);
});

test("sizes that were recorded wrong are put right", async () => {
  const chain = await store.commit([["f", "file", "12345"]]);
  await store.snapshotter.flush();
  await store.db.write((sql) => sql.run("UPDATE layer SET size = 1, bytes = 2"));
  expect((await problems()).map(({ invariant }) => invariant)).toEqual(["L5", "L5"]);
  expect(await mendAll()).toEqual([true, true]);
  expect(await problems()).toEqual([]);
  expect(layerOf(chain).size).toBe(5);
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
  writeFileSync(path, bytes);
}

function removed(path: string): string {
  rmSync(path);
  return path;
}
