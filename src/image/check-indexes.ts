import type { Problem } from "../base/problem.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { jsonIn, partsOf } from "../oci/image-index.ts";
import type { Healer, ImageCheckOptions } from "./heal.ts";
import type { ImageDeps } from "./images.ts";
import { type EntryRow, entryRows, indexBlobs, namedIn, presentIn, standFor, standing } from "./index-records.ts";
import { indexIn } from "./indexes.ts";
import { diffIDsIn, packedLayersOf } from "./manifest-records.ts";
import { imageNames } from "./resolve.ts";
import { otherDigest, wrongBlob } from "./wrong-blob.ts";

interface IndexRow {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly image_id: Digest;
}

const again = "Load the image again.";

/** Check every image for several platforms: its index, its manifests, its images, and the blobs that are kept for it. */
export async function* checkIndexes(deps: ImageDeps, options: ImageCheckOptions): AsyncGenerator<Problem> {
  const rows = deps.db.read((sql) =>
    sql.all<IndexRow>("SELECT digest, bytes, image_id FROM image_index ORDER BY digest"),
  );
  for (const row of rows) {
    options.signal?.throwIfAborted();
    for (const problem of checkIndex(deps, row, options.healer)) yield { imageID: row.image_id, ...problem };
  }
  yield* checkBlobs(deps, new Map(rows.map((row) => [row.digest, row.image_id])), options);
  options.looked("indexes", rows.length);
}

function* checkIndex({ db }: ImageDeps, { digest, bytes }: IndexRow, healer: Healer | undefined): Generator<Problem> {
  if (digestOf(bytes) !== digest) {
    const mend = async (): Promise<boolean | string> =>
      (await healer?.manifest(digest, { index: digest }, restore)) ?? false;
    const restore = (sql: Sql, right: Buffer): void =>
      void sql.run("UPDATE image_index SET bytes = ? WHERE digest = ?", right, digest);
    yield { invariant: "N1", what: `index ${digest}: ${otherDigest}`, advice: again, mend };
    return;
  }
  const rows = db.read((sql) => entryRows(sql, digest));
  const inner = new Set<string>(namedIn(bytes, rows).inner.map((each) => each.digest));
  for (const entry of rows) {
    const what =
      wrongBytes(entry) ?? (inner.has(entry.digest) ? undefined : db.read((sql) => wrongOf(sql, digest, entry)));
    if (what === undefined) continue;
    const mend = (): Promise<boolean | string> => fetchManifest(healer, digest, entry);
    yield { ...what, what: `index ${digest}: manifest ${entry.digest}: ${what.what}`, advice: again, mend };
  }
  const right = db.read((sql) => shouldStand(sql, digest));
  if (right === undefined) return;
  yield {
    invariant: "N3",
    what: `index ${digest}: what stands for it or its names isn't the image of a platform`,
    advice: again,
    mend: async () => {
      await db.write((sql) => standFor(sql, digest, right));
      return true;
    },
  };
}

/** What came with its digest and names what isn't here can't be mended. */
async function fetchManifest(
  healer: Healer | undefined,
  index: Digest,
  { digest, manifest }: EntryRow,
): Promise<boolean | string> {
  if (healer === undefined || digestOf(manifest) === digest) return false;
  return await healer.manifest(digest, { index }, (sql, right) => {
    sql.run("UPDATE image_index_entry SET manifest = ? WHERE digest = ?", right, digest);
  });
}

type Wrong = Pick<Problem, "invariant" | "what">;

function wrongBytes({ digest, manifest }: EntryRow): Wrong | undefined {
  if (digestOf(Buffer.from(manifest)) === digest) return undefined;
  return { invariant: "N1", what: otherDigest };
}

/** What is wrong with a manifest whose bytes are right. */
function wrongOf(sql: Sql, index: Digest, entry: EntryRow): Wrong | undefined {
  const parts = partsOf(jsonIn(entry.manifest));
  if (parts === undefined) return { invariant: "N1", what: "it is no manifest" };
  const needed = [parts.config, ...parts.layers].map(({ digest }) => digest);
  const made = entry.image_id === null ? new Set<string>() : madeOf(sql, entry.image_id);
  const kept = sql.all<{ digest: Digest }>(
    "SELECT digest FROM image_index_blob WHERE index_digest = ? AND entry_digest = ?",
    index,
    entry.digest,
  );
  const there = new Set([...made, ...kept.map(({ digest }) => digest)]);
  const absent = needed.find((digest) => !there.has(digest));
  return absent === undefined ? undefined : { invariant: "N2", what: `${absent} is not in the store` };
}

/** What an image gives of a manifest: its config, and its layers' archives as they are and in forms that berth makes. */
function madeOf(sql: Sql, id: Digest): ReadonlySet<string> {
  const layers = diffIDsIn(sql, id) ?? [];
  const packed = layers.flatMap((layer) => packedLayersOf(sql, layer)).filter(({ writer }) => writer !== null);
  return new Set([id, ...layers, ...packed.map(({ digest }) => digest)]);
}

/** The image that should stand for an index, where another does. */
function shouldStand(sql: Sql, digest: Digest): Digest | undefined {
  const index = indexIn(sql, digest);
  if (index === undefined) return undefined;
  const present = presentIn(index.platforms);
  const isOne = present.some(({ imageID }) => imageID === index.imageID);
  const right = standing(present, isOne ? index.imageID : undefined);
  const stray = sql.get(`SELECT 1 FROM ${imageNames} WHERE index_digest = ? AND image_id != ?`, digest, right ?? "");
  return index.imageID === right && stray === undefined ? undefined : right;
}

function* checkBlobs(
  { db, content }: ImageDeps,
  images: ReadonlyMap<Digest, Digest>,
  { quick, signal, healer }: ImageCheckOptions,
): Generator<Problem> {
  for (const { digest, size, index } of db.read(indexBlobs)) {
    signal?.throwIfAborted();
    const wrong = wrongBlob(content, digest, quick ? size : undefined);
    if (wrong === undefined) continue;
    const what = `blob ${digest}: ${wrong}`;
    const imageID = images.get(index);
    const mend = async (): Promise<boolean | string> => (await healer?.blob({ digest, size }, { index })) ?? false;
    yield { invariant: "B1", what, advice: again, mend, ...(imageID === undefined ? {} : { imageID }) };
  }
}
