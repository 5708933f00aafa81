import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archiveOf, type Entry, streamOf } from "../archive/testing.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import { archiveLength } from "./layer-archive.ts";
import { recipePath } from "./layer-records.ts";
import type { Layer } from "./snapshotter.ts";
import { inMount, type TestStore, testStore } from "./testing.ts";

let store: TestStore;
beforeEach(async () => {
  store = await testStore();
});
afterEach(() => store[Symbol.asyncDispose]());

/** Unpack an archive above `parent`, in chunks; the second answer is how often the archive was read. */
async function unpacked(archive: Buffer, parent?: ChainID): Promise<readonly [Layer, number]> {
  let reads = 0;
  const open = (): AsyncIterable<Buffer> => {
    reads++;
    return streamOf(archive, 10_000);
  };
  const [layer] = await store.snapshotter.unpack(parent, [{ diffID: digestOf(archive), name: "layer 0", open }]);
  if (layer === undefined) throw new Error("no layer");
  return [layer, reads];
}

const archived = async (layer: Layer): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(store.snapshotter.archive(layer)));

/** An archive that berth would not write so: its order, and what comes after its end. */
const foreign = (...entries: readonly Entry[]): Buffer =>
  Buffer.concat([archiveOf(...entries), Buffer.alloc(9000), Buffer.from("more")]);

test("an archive that another program wrote is read once, and comes out byte for byte", async () => {
  const archive = foreign(
    ["b", "file", "2".repeat(30_000)],
    ["a", "file", "1"],
    ["l", "link", "b"],
    ["s", "symlink", "a"],
  );
  const [layer, reads] = await unpacked(archive);
  expect(reads).toBe(1);
  expect(layer).toMatchObject({ size: 30_002, bytes: archive.length, writer: "recipe", diffID: digestOf(archive) });
  expect((await archived(layer)).equals(archive)).toBe(true);
  await store.snapshotter.flush();
  const { snapshotter } = await store.another();
  const found = snapshotter.find(layer.chainID);
  expect(found).toEqual(layer);
  expect(await archiveLength(snapshotter.archive, found ?? layer)).toBe(archive.length);
});

test.each<readonly [string, readonly Entry[]]>([
  [
    "a file twice",
    [
      ["a", "file", "1"],
      ["a", "file", "2"],
    ],
  ],
  [
    "a directory with files and a link in its place",
    [
      ["d/a", "file", "1"],
      ["e", "dir"],
      ["d", "symlink", "e"],
      ["e/a", "file", "2"],
    ],
  ],
  [
    "a file and a directory in its place",
    [
      ["a", "file", "1"],
      ["a", "dir"],
      ["a/b", "file", "x"],
    ],
  ],
])("%s: what was replaced comes out too", async (_, entries) => {
  const archive = foreign(...entries);
  const [layer, reads] = await unpacked(archive);
  expect(reads).toBe(2);
  expect((await archived(layer)).equals(archive)).toBe(true);
});

test("a whiteout and a file of the same name are no reason to read an archive twice", async () => {
  const archive = foreign(["a", "file", "1"], [".wh.a", "file"], [".wh.b", "file"], ["b", "file", "2"]);
  const [layer, reads] = await unpacked(archive);
  expect(reads).toBe(1);
  expect((await archived(layer)).equals(archive)).toBe(true);
});

test("another archive than the diffID says is refused, and nothing is left", async () => {
  const archive = archiveOf(["a", "file", "1"]);
  const wrong = { diffID: digestOf("other"), name: "layer 3", open: () => streamOf(archive) };
  await expect(store.snapshotter.unpack(undefined, [wrong])).rejects.toMatchObject({
    kind: "invalid-argument",
    message: `invalid diffID for layer 3: expected "${digestOf("other")}", got "${digestOf(archive)}"`,
  });
  expect(readdirSync(join(store.host.root, "layers"))).toEqual([]);
  expect(readdirSync(join(store.host.root, "active"))).toEqual([]);
});

describe("a layer and what is below it:", () => {
  test("directories that the archive doesn't list are like those below", async () => {
    const below = await store.commit([
      ["tmp", "dir", "", { mode: 0o1777, uid: 3, gid: 4 }],
      ["tmp/deep", "dir", "", { mode: 0o700 }],
    ]);
    const archive = foreign(["tmp/deep/new", "file", "1"], ["other/new", "file", "2"]);
    const [layer] = await unpacked(archive, below);
    const view = store.snapshotter.view(layer.chainID);
    const seen = (path: string): unknown => {
      const stats = view.lstat(path)?.stats;
      return [Number(stats?.mode) & 0o7777, Number(stats?.uid), Number(stats?.gid)];
    };
    expect(seen("/tmp")).toEqual([0o1777, 3, 4]);
    expect(seen("/tmp/deep")).toEqual([0o700, 0, 0]);
    expect(seen("/other")).toEqual([0o755, 0, 0]);
    expect((await archived(layer)).equals(archive)).toBe(true);
  });

  test("a hard link may lead to a file of a lower layer", async () => {
    const below = await store.commit([
      ["d", "dir", "", { mode: 0o710 }],
      ["d/a", "file", "content", { mode: 0o640, uid: 5 }],
    ]);
    const archive = foreign(["b", "link", "d/a"], ["c", "link", "b"]);
    const [layer] = await unpacked(archive, below);
    expect((await archived(layer)).equals(archive)).toBe(true);
    await using active = await store.snapshotter.prepare("x", layer.chainID);
    const [mount] = active.mounts();
    if (mount === undefined) throw new Error("no mount");
    expect(inMount(mount, "stat -c '%n %h %a %u' b c d/a; stat -c %a d; cat b")).toBe(
      "b 3 640 5\nc 3 640 5\nd/a 3 640 5\n710\ncontent",
    );
  });

  test.each(["way/a", "absolute/a", "chain/a", "deep/up/a"])(
    "a hard link to %s leads through links of lower layers",
    async (target) => {
      const first = await store.commit([
        ["real", "dir", "", { mode: 0o710 }],
        ["real/a", "file", "content"],
        ["way", "symlink", "real"],
        ["absolute", "symlink", "/real"],
      ]);
      const below = await store.commit(
        [
          ["chain", "symlink", "way"],
          ["deep", "dir"],
          ["deep/up", "symlink", "../../chain"],
        ],
        first,
      );
      const archive = foreign(["b", "link", target]);
      const [layer] = await unpacked(archive, below);
      expect((await archived(layer)).equals(archive)).toBe(true);
      await using active = await store.snapshotter.prepare("x", layer.chainID);
      const [mount] = active.mounts();
      if (mount === undefined) throw new Error("no mount");
      expect(inMount(mount, `stat -c '%n %h' b real/a; stat -c '%F %a' way real; cat b real/a`)).toBe(
        "b 2\nreal/a 2\nsymbolic link 777\ndirectory 710\ncontentcontent",
      );
    },
  );

  test("a hard link to a link of a lower layer is that link", async () => {
    const below = await store.commit([["way", "symlink", "real"]]);
    const [layer] = await unpacked(foreign(["b", "link", "way"]), below);
    expect(store.snapshotter.view(layer.chainID).lstat("/b")?.kind).toBe("symlink");
  });

  test.each<readonly [string, readonly Entry[]]>([
    ["nothing behind a link", [["b", "link", "way/none"]]],
    ["nothing", [["b", "link", "d/none"]]],
    ["a directory", [["b", "link", "d"]]],
    [
      "what this archive deletes",
      [
        ["d/.wh.a", "file"],
        ["b", "link", "d/a"],
      ],
    ],
  ])("a hard link to %s is refused", async (_, entries) => {
    const below = await store.commit([["d/a", "file", "content"]]);
    await expect(unpacked(archiveOf(...entries), below)).rejects.toThrow(/hard link|link to|operation not permitted/i);
  });
});

describe("a recipe", () => {
  test("goes with its layer", async () => {
    const [layer] = await unpacked(foreign(["a", "file", "1"]));
    await store.snapshotter.flush();
    expect(existsSync(recipePath(layer.path))).toBe(true);
    expect((await store.snapshotter.collect()).layers).toEqual([layer.chainID]);
    expect(readdirSync(join(store.host.root, "layers"))).toEqual([]);
  });

  test("without a record is garbage, unless a living process holds it", async () => {
    const [layer] = await unpacked(foreign(["a", "file", "1"]));
    const orphan = recipePath(join(store.host.root, "layers", "99"));
    writeFileSync(orphan, "");
    const other = await store.another();
    await other.snapshotter.collect();
    expect([existsSync(orphan), existsSync(recipePath(layer.path)), existsSync(layer.path)]).toEqual([
      false,
      true,
      true,
    ]);
    await other[Symbol.asyncDispose]();
  });

  test("isn't kept where the layer is there already", async () => {
    const archive = foreign(["a", "file", "1"]);
    const [first] = await unpacked(archive);
    const [second] = await unpacked(archive);
    expect(second).toEqual(first);
    expect(readdirSync(join(store.host.root, "layers")).sort()).toEqual(["1", "1.manifest", "1.recipe"]);
  });
});

test.each<readonly [string, (layer: Layer) => void]>([
  ["a changed file", ({ path }) => writeFileSync(join(path, "a"), "b".repeat(30_000))],
  ["a shorter file", ({ path }) => writeFileSync(join(path, "a"), "short")],
  ["a damaged recipe", ({ path }) => writeFileSync(recipePath(path), readFileSync(recipePath(path)).fill(9, 30))],
])("a layer with %s is a loss that names it", async (_, spoil) => {
  const [layer] = await unpacked(foreign(["a", "file", "a".repeat(30_000)]));
  expect(lstatSync(join(layer.path, "a")).size).toBe(30_000);
  spoil(layer);
  await expect(archived(layer)).rejects.toMatchObject({
    kind: "data-loss",
    message: expect.stringContaining(`layer ${layer.diffID} is damaged`),
  });
});
