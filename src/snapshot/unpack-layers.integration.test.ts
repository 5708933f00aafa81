import { existsSync, lstatSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ManifestEntry, observe } from "../archive/manifest.ts";
import { archiveOf, type Entry, streamOf } from "../archive/testing.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import type { Layer } from "./snapshotter.ts";
import { type TestStore, testStore } from "./testing.ts";
import type { LayerArchive } from "./unpack-layer.ts";

let store: TestStore;
beforeEach(async () => {
  store = await testStore();
});
afterEach(() => store[Symbol.asyncDispose]());

/** One processor unpacks one layer after the other: none of them can come before those below it. */
const alone = availableParallelism() < 2;

/** Large enough for threads. */
const ballast: Entry = ["ballast", "file", "x".repeat(3 << 20)];

/** Layers each of which needs those below it. */
const entries: readonly (readonly Entry[])[] = [
  [
    ["", "dir", "", { mode: 0o711, uid: 7 }],
    ["tmp", "dir", "", { mode: 0o1777, uid: 3, gid: 4, mtimeNs: 5_000_000_006n }],
    ["way", "symlink", "tmp"],
    ["tmp/a", "file", "content", { mode: 0o640, uid: 5 }],
    ["tmp/gone", "file", "1"],
    ["old/sub/a", "file", "2"],
  ],
  [
    ["tmp/new", "file", "1"],
    ["link", "link", "way/a"],
    ["again", "link", "link"],
    ["tmp/.wh.gone", "file"],
  ],
  [
    ["old/.wh..wh..opq", "file"],
    ["old/own", "file", "3"],
    ["third", "link", "again"],
  ],
  [
    ["old/own", "file", "4"],
    ["old/own", "file", "5"],
    ["tmp/deep/new", "file", "6"],
  ],
];
const stack = entries.map((each) => archiveOf(...each, ballast));

/** @param first the number of the archive that comes at once; the others wait until it has been read */
function archives(first?: number): readonly LayerArchive[] {
  const read = Promise.withResolvers<void>();
  return stack.map((archive, index) => ({
    diffID: digestOf(archive),
    name: `layer ${index}`,
    size: archive.length,
    open: async function* () {
      if (first !== undefined && index !== first) await read.promise;
      try {
        yield* streamOf(archive, 100_000);
      } finally {
        if (index === first) read.resolve();
      }
    },
  }));
}

/** Whiteouts are made at the time of unpacking. */
const timeless = (entry: ManifestEntry): ManifestEntry => (entry.kind === "char" ? { ...entry, mtimeNs: 0n } : entry);

/** Everything that the store has of a layer. */
async function contentOf(layer: Layer): Promise<unknown> {
  const { path: _, ...record } = layer;
  const files: ManifestEntry[] = [];
  for await (const file of observe(layer.path, { syscalls: store.host.syscalls })) files.push(timeless(file));
  const { uid, gid, mode } = lstatSync(layer.path);
  const manifest = [...(await store.snapshotter.manifest(layer))].map(timeless);
  const archive = digestOf(Buffer.concat(await Array.fromAsync(store.snapshotter.archive(layer))));
  return { record, files, root: { uid, gid, mode }, manifest, archive };
}

/** The layers one after the other, each above one that is there. */
async function oneByOne(): Promise<unknown> {
  await using other = await testStore();
  let parent: ChainID | undefined;
  const contents: unknown[] = [];
  for (const archive of archives()) {
    const [layer] = await other.snapshotter.unpack(parent, [archive]);
    if (layer === undefined) throw new Error("no layer");
    parent = layer.chainID;
    contents.push(await contentOf(layer));
  }
  return contents;
}

const leftovers = (): readonly string[] =>
  ["layers", "active", "tmp"].flatMap((name) => readdirSync(join(store.host.root, name)));

describe("layers unpacked side by side", () => {
  test.skipIf(alone).each([0, 1])("are the same as one by one, also when layer %i is there first", async (first) => {
    const layers = await store.snapshotter.unpack(undefined, archives(first));
    const contents = await Promise.all(layers.map(contentOf));
    expect(contents).toEqual(await oneByOne());
    for (const [index, layer] of layers.entries()) {
      expect([...(await store.snapshotter.manifest(layer))]).toEqual(
        await Array.fromAsync(observe(layer.path, { syscalls: store.host.syscalls })),
      );
      expect(layer.diffID).toBe(digestOf(stack[index] ?? ""));
    }
    expect(readdirSync(join(store.host.root, "active"))).toEqual([]);
  });

  test("may be compressed, and are told when they aren't needed any more", async () => {
    const released: string[] = [];
    const packed = archives().map((archive, index): LayerArchive => {
      const bytes = gzipSync(stack[index] ?? "");
      const blob = { name: `blob ${index}`, digest: digestOf(bytes) };
      const release = async (): Promise<void> => void released.push(archive.name);
      return { ...archive, blob, open: () => streamOf(bytes, 3000), release };
    });
    const layers = await store.snapshotter.unpack(undefined, packed);
    expect(await Promise.all(layers.map(contentOf))).toEqual(await oneByOne());
    expect(released).toEqual(["layer 0", "layer 1", "layer 2", "layer 3"]);
    await store.snapshotter.unpack(undefined, packed);
    expect(released.length).toBe(8);
  });

  test.each<readonly [string, (archive: LayerArchive) => LayerArchive, object]>([
    [
      "another digest",
      (archive) => ({ ...archive, diffID: digestOf("other") }),
      { kind: "invalid-argument", message: expect.stringMatching(/^invalid diffID for layer [12]: expected/) },
    ],
    [
      "a blob of another digest",
      (archive) => ({ ...archive, blob: { name: archive.name, digest: digestOf("other") } }),
      { kind: "invalid-argument", message: expect.stringMatching(/^invalid archive: layer [12] has the digest/) },
    ],
    [
      "no archive",
      (archive) => ({ ...archive, open: () => streamOf(Buffer.alloc(9000, "x")) }),
      { kind: "invalid-argument", message: expect.stringMatching(/invalid tar header/) },
    ],
    [
      "a name that leads out",
      (archive) => ({ ...archive, open: () => streamOf(archiveOf(["../out", "file", "1"])) }),
      { kind: "invalid-argument", hint: expect.stringMatching(/outside/) },
    ],
    [
      "a source that fails",
      (archive) => ({
        ...archive,
        open: async function* () {
          yield stack[1]?.subarray(0, 2000) ?? Buffer.alloc(0);
          throw Object.assign(new Error(`${archive.name} broke`), { code: "EIO" });
        },
      }),
      { code: "EIO", message: expect.stringMatching(/^layer [12] broke$/) },
    ],
  ])("with %s fail, and leave nothing", async (_, spoil, error) => {
    for (const bad of [1, 2]) {
      const spoilt = archives().map((archive, index) => (index === bad ? spoil(archive) : archive));
      await expect(store.snapshotter.unpack(undefined, spoilt)).rejects.toMatchObject(error);
      await store.snapshotter.flush();
      await store.snapshotter.collect();
      expect(leftovers()).toEqual([]);
    }
  });

  test.skipIf(alone)("fail as the lowest of them that is bad does, though others fail first", async () => {
    const spoilt = archives(1).map((archive, index) =>
      index < 2 ? { ...archive, diffID: digestOf("other") } : archive,
    );
    await expect(store.snapshotter.unpack(undefined, spoilt)).rejects.toThrow("invalid diffID for layer 0");
  });

  test("are stopped by a signal, and leave nothing", async () => {
    const stop = new AbortController();
    const endless = archives().map(
      (archive, index): LayerArchive => ({
        ...archive,
        open: async function* () {
          yield* streamOf((stack[index] ?? Buffer.alloc(0)).subarray(0, 2 << 20), 100_000);
          if (index === 0) stop.abort(new Error("enough"));
          while (!stop.signal.aborted)
            yield await new Promise<Buffer>((resolve) => setImmediate(resolve, Buffer.alloc(0)));
        },
      }),
    );
    await expect(store.snapshotter.unpack(undefined, endless, { signal: stop.signal })).rejects.toThrow("enough");
    await store.snapshotter.flush();
    await store.snapshotter.collect();
    expect(leftovers()).toEqual([]);
  });

  test("stay, also those that were there already, until records refer to them", async () => {
    const chains = (await store.snapshotter.unpack(undefined, archives())).map(({ chainID }) => chainID);
    await store.snapshotter.flush();
    await store.snapshotter.referred(chains);
    await using other = await store.another();
    await other.snapshotter.unpack(undefined, archives().slice(0, 2));
    expect((await store.snapshotter.collect()).layers.toSorted()).toEqual(chains.slice(2).toSorted());
    await other.snapshotter.referred(chains.slice(0, 2));
    expect((await store.snapshotter.collect()).layers.toSorted()).toEqual(chains.slice(0, 2).toSorted());
  });

  test("need a parent that is there", async () => {
    await expect(store.snapshotter.unpack(digestOf("none"), archives())).rejects.toMatchObject({ kind: "not-found" });
    expect(existsSync(join(store.host.root, "active", "upper"))).toBe(false);
  });
});
