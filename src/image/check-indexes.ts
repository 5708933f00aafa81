import type { CheckOptions, Problem } from "../base/problem.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import { jsonIn, partsOf } from "../oci/image-index.ts";
import type { ImageDeps } from "./images.ts";
import { type EntryRow, entryRows, indexBlobs, presentIn, standFor, standing } from "./index-records.ts";
import { indexIn } from "./indexes.ts";

interface IndexRow {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly image_id: Digest;
}

const again = "Load the image again.";

/** Check every image for several platforms: its index, its manifests, its images, and the blobs that are kept for it. */
export async function* checkIndexes(deps: ImageDeps, options: CheckOptions): AsyncGenerator<Problem> {
  const rows = deps.db.read((sql) =>
    sql.all<IndexRow>("SELECT digest, bytes, image_id FROM image_index ORDER BY digest"),
  );
  for (const row of rows) {
    options.signal?.throwIfAborted();
    for (const problem of checkIndex(deps, row)) yield { imageID: row.image_id, ...problem };
  }
  yield* checkBlobs(deps, new Map(rows.map((row) => [row.digest, row.image_id])), options);
  options.looked("indexes", rows.length);
}

function* checkIndex({ db }: ImageDeps, { digest, bytes }: IndexRow): Generator<Problem> {
  if (digestOf(bytes) !== digest) {
    yield { invariant: "N1", what: `index ${digest}: its content has another digest`, advice: again };
    return;
  }
  for (const entry of db.read((sql) => entryRows(sql, digest))) {
    const what = db.read((sql) => wrongOf(sql, digest, entry));
    if (what !== undefined)
      yield { ...what, what: `index ${digest}: manifest ${entry.digest}: ${what.what}`, advice: again };
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

/** What is wrong with a manifest. */
function wrongOf(sql: Sql, index: Digest, entry: EntryRow): Pick<Problem, "invariant" | "what"> | undefined {
  const bytes = Buffer.from(entry.manifest);
  if (digestOf(bytes) !== entry.digest) return { invariant: "N1", what: "its content has another digest" };
  const parts = partsOf(jsonIn(bytes));
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

/** What an image gives of a manifest: its config, and its layers' archives as they are. */
function madeOf(sql: Sql, id: Digest): ReadonlySet<string> {
  const config = sql.get<{ config: Uint8Array | null }>("SELECT config FROM image WHERE id = ?", id)?.config;
  const layers = config ? parseImageConfig(Buffer.from(config)).rootfs.diff_ids : [];
  return new Set([id, ...layers]);
}

/** The image that should stand for an index, where another does. */
function shouldStand(sql: Sql, digest: Digest): Digest | undefined {
  const index = indexIn(sql, digest);
  if (index === undefined) return undefined;
  const present = presentIn(index.platforms);
  const isOne = present.some(({ imageID }) => imageID === index.imageID);
  const right = standing(present, isOne ? index.imageID : undefined);
  const stray = sql.get("SELECT 1 FROM image_reference WHERE index_digest = ? AND image_id != ?", digest, right ?? "");
  return index.imageID === right && stray === undefined ? undefined : right;
}

function* checkBlobs(
  { db, content }: ImageDeps,
  images: ReadonlyMap<Digest, Digest>,
  { quick, signal }: CheckOptions,
): Generator<Problem> {
  for (const { digest, size, index } of db.read(indexBlobs)) {
    signal?.throwIfAborted();
    const state = content.verify(digest, quick ? size : undefined);
    if (state === "whole") continue;
    const what = `blob ${digest}: ${state === "missing" ? "it is missing" : "its content has another digest"}`;
    const imageID = images.get(index);
    yield { invariant: "B1", what, advice: again, ...(imageID === undefined ? {} : { imageID }) };
  }
}
