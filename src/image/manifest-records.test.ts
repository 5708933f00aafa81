import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Database, Sql } from "../metadata/database.ts";
import { openDatabase } from "../metadata/open.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { layerCompression } from "../oci/image-index.ts";
import { parseReference } from "../oci/reference.ts";
import {
  manifestBlobs,
  manifestsOf,
  packedLayer,
  packedLayersOf,
  recordManifest,
  recordPackedLayers,
  recordRepoDigest,
} from "./manifest-records.ts";
import { resolveTarget } from "./resolve.ts";

async function store(): Promise<Database> {
  const root = mkdtempSync(join(tmpdir(), "berth-records-"));
  const db = await openDatabase({ root });
  onTestFinished(() => {
    db[Symbol.dispose]();
    rmSync(root, { recursive: true });
  });
  return db;
}

const [plain, other] = [digestOf("plain"), digestOf("other")];
const packed = { digest: digestOf("packed"), size: 6 };
const gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
const config = Buffer.from(
  JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [plain, other] } }),
);
const image = digestOf(config);
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    config: { digest: image, size: config.length },
    layers: [
      { mediaType: gzip, ...packed },
      { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: other, size: 5 },
    ],
  }),
);
const digest = digestOf(manifest);
const mediaType = "application/vnd.oci.image.manifest.v1+json";

function recordAll(sql: Sql): void {
  for (const diffID of [plain, other]) {
    sql.run("INSERT INTO layer (chain_id, diff_id, size, writer) VALUES (?1, ?1, 1, 1)", diffID);
  }
  sql.run("INSERT INTO image (id, size, stored_at, config) VALUES (?, 1, '', ?)", image, config);
  recordManifest(sql, { digest, mediaType, bytes: manifest, imageID: image, diffIDs: [plain, other], blobs: [packed] });
  const repository = parseReference("registry.example:5000/team/app");
  recordRepoDigest(sql, { ...repository, digest }, { id: image, index: undefined });
}

test("what a registry knows of an image goes with the image; what a layer is called there goes with the layer", async () => {
  const db = await store();
  await db.write(recordAll);
  db.read((sql) => {
    const layer = { ...packed, diffID: plain, mediaType: gzip, writer: null };
    expect(packedLayer(sql, packed.digest)).toEqual(layer);
    expect(packedLayersOf(sql, plain)).toEqual([layer]);
    // One that isn't compressed needs no record.
    expect(packedLayersOf(sql, other)).toEqual([]);
    expect(manifestsOf(sql, image)).toMatchObject([{ digest, mediaType, writer: null }]);
    expect(manifestBlobs(sql)).toEqual([{ ...packed, imageID: image }]);
    for (const name of [`registry.example:5000/team/app@${digest}`, `registry.example:5000/team/app:tag@${digest}`]) {
      expect(resolveTarget(sql, name)).toEqual({ id: image, index: undefined });
    }
    expect(resolveTarget(sql, `team/app@${digest}`)).toBeUndefined();
  });
  await db.write((sql) => sql.run("DELETE FROM image"));
  db.read((sql) => {
    expect(manifestBlobs(sql)).toEqual([]);
    expect(sql.all("SELECT * FROM image_manifest")).toEqual([]);
    expect(sql.all("SELECT * FROM repo_digest")).toEqual([]);
    expect(packedLayer(sql, packed.digest)).toBeDefined();
  });
  await db.write((sql) => {
    // The same content above another layer.
    sql.run("INSERT INTO layer (chain_id, diff_id, size, writer) VALUES ('second', ?, 1, 1)", plain);
    sql.run("DELETE FROM layer WHERE chain_id = ?", plain);
  });
  expect(db.read((sql) => packedLayer(sql, packed.digest))).toBeDefined();
  await db.write((sql) => sql.run("DELETE FROM layer WHERE chain_id = 'second'"));
  expect(db.read((sql) => packedLayer(sql, packed.digest))).toBeUndefined();
});

test("a manifest that came in stays one when berth makes the same; a layer that berth can make is one that it can make", async () => {
  const db = await store();
  await db.write((sql) => {
    recordAll(sql);
    const made = { digest, mediaType, bytes: manifest, imageID: image, diffIDs: [plain, other], blobs: [] };
    recordManifest(sql, { ...made, writer: "1" });
    recordPackedLayers(sql, [{ ...packed, diffID: plain, mediaType: gzip }], "1");
    recordPackedLayers(sql, [{ ...packed, diffID: plain, mediaType: gzip }]);
  });
  expect(db.read((sql) => manifestsOf(sql, image))).toMatchObject([{ digest, writer: null }]);
  expect(db.read((sql) => packedLayer(sql, packed.digest))).toMatchObject({ writer: "1" });
});

test("a manifest with other layers than its image says nothing of them", async () => {
  const db = await store();
  const wrong: Digest[] = [plain];
  await db.write((sql) => {
    sql.run("INSERT INTO image (id, size, stored_at) VALUES (?, 1, '')", image);
    recordManifest(sql, { digest, mediaType, bytes: manifest, imageID: image, diffIDs: wrong, blobs: [] });
  });
  expect(db.read((sql) => packedLayersOf(sql, plain))).toEqual([]);
});

test.each([
  ["application/vnd.oci.image.layer.v1.tar", "none"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+encrypted", undefined],
  ["application/vnd.in-toto+json", undefined],
])("the compression of %s is %s", (type, compression) => {
  expect(layerCompression(type)).toBe(compression);
});
