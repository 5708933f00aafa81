import { rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync, zstdDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import type { Problem } from "../base/problem.ts";
import { openContent } from "../content/content.ts";
import { type ChainID, type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { type TestStore, testStore } from "../snapshot/testing.ts";
import { checkManifests } from "./check-manifests.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { createImage, type Image, type ImageDeps } from "./images.ts";
import { recordIndex } from "./index-records.ts";
import { manifestsOf, packedLayersOf, recordManifest } from "./manifest-records.ts";
import { manifestOf, packedBytes } from "./manifests.ts";
import { removeImage } from "./remove.ts";

type Store = TestStore & ImageDeps;

async function open(): Promise<Store> {
  const store = await testStore();
  return Object.assign(store, { content: openContent(store.host) });
}

let store: Store;
beforeEach(async () => {
  store = await open();
});
afterEach(() => store[Symbol.asyncDispose]());

const base = ["base", "file", "base ".repeat(5000)] as const;
const top = ["top", "file", "top ".repeat(5000)] as const;

/** Make an image of layers, each of one file; its ID depends on nothing but them and `name`. */
async function image(deps: Store, files: readonly (typeof base | typeof top)[], name: string = ""): Promise<Image> {
  let chain: ChainID | undefined;
  const diffIDs: Digest[] = [];
  for (const file of files) {
    chain = await deps.commit([file], chain);
    const layer = deps.snapshotter.find(chain);
    if (layer !== undefined) diffIDs.push(layer.diffID);
  }
  const rootfs = { type: "layers", diff_ids: diffIDs } as const;
  return await createImage(deps, { architecture: "amd64", os: "linux", author: name, rootfs });
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source));
}

/** The archive of a layer of an image. */
async function archiveOf(deps: Store, { config }: Image, index: number): Promise<Buffer> {
  const diffID = config.rootfs.diff_ids[index] ?? "";
  const layer = deps.snapshotter.layers().find((each) => each.diffID === diffID);
  if (layer === undefined) throw new Error("no layer");
  return await bytesOf(deps.snapshotter.archive(layer));
}

async function problems(deps: Store, quick: boolean = false): Promise<readonly Problem[]> {
  return await Array.fromAsync(checkManifests(deps, { quick, looked: () => undefined }));
}

const gzipType = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

/** Give an image a manifest that it came with, whose layers are compressed by another program and kept. */
async function comeWith(
  deps: Store,
  image: Image,
): Promise<{ readonly digest: Digest; readonly blobs: readonly Buffer[] }> {
  const archives = await Promise.all(image.config.rootfs.diff_ids.map((_, index) => archiveOf(deps, image, index)));
  const blobs = archives.map((archive) => gzipSync(archive, { level: 1 }));
  const layers = blobs.map((blob) => ({ mediaType: gzipType, digest: digestOf(blob), size: blob.length }));
  const config = { mediaType: "application/vnd.docker.container.image.v1+json", digest: image.id, size: 1 };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers }));
  for (const blob of blobs) await deps.content.put(blob);
  const { diff_ids: diffIDs } = image.config.rootfs;
  const manifest = {
    digest: digestOf(bytes),
    mediaType: manifestType,
    bytes,
    imageID: image.id,
    diffIDs,
    blobs: layers,
  };
  await deps.db.write((sql) => recordManifest(sql, manifest));
  return { digest: manifest.digest, blobs };
}

describe("the manifest of an image", () => {
  test("is the same in any store, and names layers that can be had", async () => {
    await using other = await open();
    const one = await image(store, [base, top]);
    const unlike = await image(other, [top]);
    const two = await image(other, [base, top]);
    const manifest = await manifestOf(store, one);
    await manifestOf(other, unlike);
    expect(await manifestOf(other, two)).toEqual(manifest);
    expect(JSON.parse(manifest.bytes.toString())).toMatchObject({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { digest: one.id },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }, {}],
    });
    for (const [index, layer] of manifest.layers.entries()) {
      const packed = await bytesOf(packedBytes(store, layer));
      expect({ digest: digestOf(packed), size: packed.length }).toEqual({ digest: layer.digest, size: layer.size });
      expect(gunzipSync(packed).equals(await archiveOf(store, one, index))).toBe(true);
    }
    expect(await problems(store)).toEqual([]);
  });

  test("is known from then on: no layer is compressed a second time", async () => {
    const made = await image(store, [base, top]);
    const manifest = await manifestOf(store, made);
    const seen: string[] = [];
    const report = ({ id }: { readonly id: string }): void => void seen.push(id);
    expect(await manifestOf(store, await image(store, [base, top]), { report })).toEqual(manifest);
    expect(seen).toEqual([]);
    await manifestOf(store, made, { report, compression: "zstd" });
    expect(new Set(seen).size).toBe(2);
  });

  test("has a layer once that an image has twice", async () => {
    const made = await image(store, [base, top, base]);
    const { layers } = await manifestOf(store, made);
    expect(layers.map(({ diffID }) => diffID)).toEqual(made.config.rootfs.diff_ids);
    expect(layers[0]).toEqual(layers[2]);
  });

  test.each(["zstd", "none"] as const)("compresses by %s where that is asked for", async (compression) => {
    const made = await image(store, [base]);
    const manifest = await manifestOf(store, made, { compression });
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error("no layer");
    const packed = await bytesOf(packedBytes(store, layer));
    expect(digestOf(packed)).toBe(layer.digest);
    const plain = compression === "zstd" ? zstdDecompressSync(packed) : packed;
    expect(plain.equals(await archiveOf(store, made, 0))).toBe(true);
    expect((await manifestOf(store, made)).digest).not.toBe(manifest.digest);
    expect(await problems(store)).toEqual([]);
  });

  test("is the one that it came with, and its layers have the bytes that they came with", async () => {
    const made = await image(store, [base, top]);
    const { digest, blobs } = await comeWith(store, made);
    const manifest = await manifestOf(store, made);
    expect(manifest).toMatchObject({ digest, mediaType: manifestType });
    expect((await manifestOf(store, made, { compression: "gzip" })).digest).toBe(digest);
    const packed = await Promise.all(manifest.layers.map((layer) => bytesOf(packedBytes(store, layer))));
    expect(packed).toEqual(blobs);
    expect((await manifestOf(store, made, { compression: "zstd" })).layers[0]?.mediaType).toContain("+zstd");
    expect(await problems(store)).toEqual([]);
  });

  test("is berth's own again once the bytes that it came with were given up", async () => {
    const made = await image(store, [base]);
    const before = await manifestOf(store, made);
    const { blobs } = await comeWith(store, made);
    for (const blob of blobs) store.content.delete(digestOf(blob));
    expect(await manifestOf(store, made)).toEqual(before);
  });

  test("keeps the bytes that a layer of another image came with, also when that is removed", async () => {
    const below = await image(store, [base]);
    const { blobs } = await comeWith(store, below);
    const [blob = Buffer.alloc(0)] = blobs;
    const child = await image(store, [base, top]);
    const manifest = await manifestOf(store, child);
    const type = "application/vnd.oci.image.layer.v1.tar+gzip";
    expect(manifest.layers[0]).toMatchObject({ digest: digestOf(blob), size: blob.length, mediaType: type });
    await removeImage(store, below.id, { force: false, isRunning: () => false });
    expect(await manifestOf(store, child)).toEqual(manifest);
    expect(store.content.has(digestOf(blob))).toBe(true);
    expect(await problems(store)).toEqual([]);
    await removeImage(store, child.id, { force: false, isRunning: () => false });
    expect(store.content.list()).toEqual([]);
    expect(store.db.read((sql) => sql.all("SELECT * FROM packed_layer"))).toEqual([]);
  });

  test("is the one by which it is a platform of an index", async () => {
    const made = await image(store, [base]);
    const archive = await archiveOf(store, made, 0);
    const blob = gzipSync(archive);
    await store.content.put(blob);
    const layer = { mediaType: gzipType, digest: digestOf(blob), size: blob.length };
    const manifest = Buffer.from(JSON.stringify({ config: { digest: made.id, size: 1 }, layers: [layer] }));
    const digest = digestOf(manifest);
    const bytes = Buffer.from(JSON.stringify({ manifests: [{ digest, size: manifest.length }] }));
    const entry = { digest, manifest, imageID: made.id, platform: made.config, blobs: [layer] };
    const index = { digest: digestOf(bytes), mediaType: "application/vnd.oci.image.index.v1+json", bytes };
    await store.db.write((sql) => recordIndex(sql, { ...index, entries: [entry] }));
    expect((await manifestOf(store, made)).digest).toBe(digest);
    const child = await manifestOf(store, await image(store, [base, top]));
    expect(child.layers[0]?.digest).toBe(layer.digest);
  });
});

describe("where berth compresses differently than it did", () => {
  test("another version makes another manifest", async () => {
    const made = await image(store, [base]);
    const manifest = await manifestOf(store, made);
    await store.db.write((sql) => sql.run("UPDATE packed_layer SET writer = 'gzip 0', digest = ?", digestOf("old")));
    expect(await manifestOf(store, made)).toEqual(manifest);
    const [layer] = manifest.layers;
    if (layer === undefined) throw new Error("no layer");
    await expect(bytesOf(packedBytes(store, { ...layer, digest: digestOf("old") }))).rejects.toMatchObject({
      kind: "not-found",
    });
  });

  test("bytes that come out otherwise are told, and forgotten", async () => {
    const made = await image(store, [base]);
    const right = await manifestOf(store, made);
    await store.db.write((sql) => {
      sql.run("DELETE FROM image_manifest");
      sql.run("UPDATE packed_layer SET digest = ?", digestOf("another machine's"));
    });
    const wrong = await manifestOf(store, made);
    const [layer] = wrong.layers;
    if (layer === undefined) throw new Error("no layer");
    expect(layer.digest).toBe(digestOf("another machine's"));
    const error = await bytesOf(packedBytes(store, layer)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BerthError);
    expect(error).toMatchObject({ kind: "internal", hint: expect.stringContaining("Try again") });
    expect(store.db.read((sql) => manifestsOf(sql, made.id))).toEqual([]);
    expect(await manifestOf(store, made)).toEqual(right);
  });
});

test("an image that is removed while its layers are compressed is not there any more, and leaves no record", async () => {
  const made = await image(store, [base]);
  await store.db.write((sql) => sql.run("DELETE FROM image"));
  await expect(manifestOf(store, made)).rejects.toMatchObject({ kind: "not-found" });
  expect(store.db.read((sql) => packedLayersOf(sql, made.config.rootfs.diff_ids[0] ?? digestOf("")))).toEqual([]);
});

test("a layer that is damaged is named, and whoever stops waiting is not kept", async () => {
  const made = await image(store, [base, top]);
  const stopped = AbortSignal.abort(new Error("stopped"));
  await expect(manifestOf(store, made, { signal: stopped })).rejects.toThrow("stopped");
  const [layer] = store.snapshotter.layers();
  truncateSync(join(layer?.path ?? "", "top"), 3);
  await expect(manifestOf(store, made)).rejects.toMatchObject({ kind: "data-loss" });
  expect(store.db.read((sql) => sql.all("SELECT * FROM image_manifest"))).toEqual([]);
});

describe("check names", () => {
  const other = JSON.stringify({ config: { digest: digestOf("other"), size: 1 }, layers: [] });
  test.each([
    ["a manifest that was changed", "UPDATE image_manifest SET bytes = CAST('x' AS BLOB)", "another digest"],
    [
      "the manifest of another image",
      `UPDATE image_manifest SET bytes = CAST('${other}' AS BLOB), digest = '${digestOf(other)}'`,
      "is not of image",
    ],
    ["a layer of another image", `UPDATE packed_layer SET diff_id = '${digestOf("other")}'`, "not those of the image"],
    ["a layer without a record", "DELETE FROM packed_layer", "not those of the image"],
  ])("%s, and makes it anew where it is berth's own", async (_, change, what) => {
    const made = await image(store, [base]);
    const right = await manifestOf(store, made);
    await store.db.write((sql) => sql.run(change));
    const [problem, ...more] = await problems(store);
    expect(problem).toMatchObject({ invariant: "M1", what: expect.stringContaining(what), imageID: made.id });
    expect(more).toEqual([]);
    expect(await problem?.mend?.()).toBe(true);
    expect(await problems(store)).toEqual([]);
    expect(await manifestOf(store, made)).toEqual(right);
  });

  test("what came from elsewhere, and can't be mended", async () => {
    const made = await image(store, [base]);
    const { blobs } = await comeWith(store, made);
    const [blob = Buffer.alloc(0)] = blobs;
    await collectBlobs(store);
    const path = join(store.host.root, "blobs/sha256", hexOf(digestOf(blob)));
    truncateSync(path, 5);
    for (const quick of [true, false]) {
      expect(await problems(store, quick)).toMatchObject([{ invariant: "B1", imageID: made.id }]);
    }
    rmSync(path);
    expect(await problems(store, true)).toMatchObject([{ what: expect.stringContaining("missing") }]);
    await store.db.write((sql) => sql.run("DELETE FROM packed_layer"));
    const [manifest] = await problems(store, true);
    expect(manifest).toMatchObject({ invariant: "M1" });
    expect(await manifest?.mend?.()).toBe(false);
  });
});
