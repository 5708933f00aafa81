import { isKind, messageOf } from "../base/errors.ts";
import type { Problem } from "../base/problem.ts";
import type { Sql } from "../metadata/database.ts";
import { type ChainID, chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import type { Healer, ImageCheckOptions } from "./heal.ts";
import { type ImageDeps, readConfig } from "./images.ts";
import { wrongBlob } from "./wrong-blob.ts";

interface ImageRow {
  readonly id: Digest;
  readonly size: number;
  /** The second copy of its config; null for one that an older berth stored. */
  readonly config: Uint8Array | null;
}

const again = "Load, pull or build the image again.";

/** Check every image: its config, its layers, its size. */
export async function* checkImages(deps: ImageDeps, options: ImageCheckOptions): AsyncGenerator<Problem> {
  const ids = deps.db.read((sql) => sql.all<{ id: Digest }>("SELECT id FROM image ORDER BY stored_at, id"));
  for (const { id } of ids) {
    options.signal?.throwIfAborted();
    for (const problem of checkImage(deps, id, options)) yield { imageID: id, ...problem };
  }
  options.looked("images", ids.length);
}

function* checkImage(deps: ImageDeps, id: Digest, { quick, healer }: ImageCheckOptions): Generator<Problem> {
  const row = deps.db.read((sql) => sql.get<ImageRow>("SELECT id, size, config FROM image WHERE id = ?", id));
  if (row === undefined) return;
  const copy = row.config === null ? undefined : Buffer.from(row.config);
  const wrong = wrongBlob(deps.content, id, quick ? copy?.length : undefined);
  if (wrong !== undefined) {
    yield {
      invariant: "B1",
      what: `blob ${id}: ${wrong}`,
      advice: again,
      mend: () => restore(deps, id, { copy, healer }),
    };
  }
  const chains = chainsOf(deps, id);
  if (typeof chains === "string") yield { invariant: "I1", what: `image ${id}: ${chains}`, advice: again };
  else if (chains !== undefined) yield* checkLayers(deps, row, chains);
}

/** Write a config again, of its second copy or else of what a registry has. */
async function restore(
  { content }: ImageDeps,
  id: Digest,
  { copy, healer }: { readonly copy: Buffer | undefined; readonly healer: Healer | undefined },
): Promise<boolean | string> {
  if (copy === undefined || digestOf(copy) !== id) return (await healer?.config(id)) ?? false;
  await content.put(copy);
  return true;
}

/** The chains that an image's config names; what is wrong with the config; or undefined, when it can't be read. */
function chainsOf(deps: ImageDeps, id: Digest): readonly ChainID[] | string | undefined {
  try {
    return chainIDs(parseImageConfig(readConfig(deps, id)).rootfs.diff_ids);
  } catch (error) {
    if (isKind(error, "data-loss") || isKind(error, "not-found")) return undefined;
    if (isKind(error, "invalid-argument")) return messageOf(error);
    throw error;
  }
}

function* checkLayers(deps: ImageDeps, { id, size }: ImageRow, chains: readonly ChainID[]): Generator<Problem> {
  const { recorded, layers } = deps.db.read((sql) => ({
    recorded: recordedChains(sql, id),
    layers: sizes(sql, chains),
  }));
  const missing = chains.filter((_, index) => layers[index] === undefined);
  for (const chain of missing) {
    yield { invariant: "I2", what: `image ${id}: its layer ${chain} is not in the store`, advice: again };
  }
  if (missing.length > 0) return;
  const wanted = new Set<string>(chains);
  if (recorded.size !== wanted.size || [...wanted].some((chain) => !recorded.has(chain))) {
    const what = `image ${id}: the layers recorded are not those of its config`;
    yield { invariant: "I2", what, advice: again, mend: () => recordChains(deps, id, chains) };
  }
  const sum = layers.reduce<number>((total, layer) => total + (layer ?? 0), 0);
  if (sum === size) return;
  const what = `image ${id}: its layers have ${sum} bytes, recorded are ${size}`;
  yield { invariant: "I3", what, advice: "Nothing is lost.", mend: () => recordSize(deps, id, sum) };
}

function recordedChains(sql: Sql, id: Digest): ReadonlySet<string> {
  const rows = sql.all<{ chain_id: string }>("SELECT chain_id FROM image_layer WHERE image_id = ?", id);
  return new Set(rows.map((row) => row.chain_id));
}

function sizes(sql: Sql, chains: readonly ChainID[]): readonly (number | undefined)[] {
  return chains.map((chain) => sql.get<{ size: number }>("SELECT size FROM layer WHERE chain_id = ?", chain)?.size);
}

async function recordChains({ db }: ImageDeps, id: Digest, chains: readonly ChainID[]): Promise<boolean> {
  await db.write((sql) => {
    sql.run("DELETE FROM image_layer WHERE image_id = ?", id);
    for (const chain of chains) {
      sql.run("INSERT INTO image_layer (image_id, chain_id) VALUES (?, ?) ON CONFLICT DO NOTHING", id, chain);
    }
  });
  return true;
}

async function recordSize({ db }: ImageDeps, id: Digest, size: number): Promise<boolean> {
  await db.write((sql) => sql.run("UPDATE image SET size = ? WHERE id = ?", size, id));
  return true;
}
