import type { Problem } from "../base/problem.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { jsonIn, partsOf } from "../oci/image-index.ts";
import type { Healer, ImageCheckOptions } from "./heal.ts";
import type { ImageDeps } from "./images.ts";
import { diffIDsIn, layersIn, manifestBlobs, packedLayer } from "./manifest-records.ts";
import { otherDigest, wrongBlob } from "./wrong-blob.ts";

const again = "--repair fetches it again where its registry can be asked; else remove the image, and pull or load it.";

interface ManifestRow {
  readonly digest: Digest;
  readonly imageID: Digest;
  readonly bytes: Uint8Array;
  readonly writer: string | null;
}

/** Check the manifest of every image for one platform that has one, and the blobs that are kept for it. */
export async function* checkManifests(deps: ImageDeps, options: ImageCheckOptions): AsyncGenerator<Problem> {
  const rows = deps.db.read((sql) =>
    sql.all<ManifestRow>("SELECT digest, image_id AS imageID, bytes, writer FROM image_manifest ORDER BY digest"),
  );
  for (const row of rows) {
    options.signal?.throwIfAborted();
    const wrong = deps.db.read((sql) => wrongOf(sql, row));
    if (wrong === undefined) continue;
    const { digest, imageID, writer } = row;
    yield {
      invariant: "M1",
      what: `manifest ${digest}: ${wrong}`,
      imageID,
      ...(writer === null
        ? { advice: again, mend: () => fetchAgain(options.healer, row) }
        : { advice: "Nothing is lost: berth makes it again when it is needed.", mend: () => forget(deps, digest) }),
    };
  }
  yield* checkBlobs(deps, options);
  options.looked("manifests", rows.length);
}

/** What is wrong with a manifest. */
function wrongOf(sql: Sql, { digest, imageID, bytes }: ManifestRow): string | undefined {
  if (digestOf(bytes) !== digest) return otherDigest;
  if (partsOf(jsonIn(bytes))?.config.digest !== imageID) return `it is not of image ${imageID}`;
  const diffIDs = diffIDsIn(sql, imageID);
  const isRight =
    diffIDs === undefined ||
    layersIn(bytes, diffIDs)?.every(
      (layer) => layer.digest === layer.diffID || packedLayer(sql, layer.digest)?.diffID === layer.diffID,
    );
  return isRight === true ? undefined : "its layers are not those of the image";
}

/** What came with its digest and is of another image can't be mended. */
async function fetchAgain(
  healer: Healer | undefined,
  { digest, imageID, bytes }: ManifestRow,
): Promise<boolean | string> {
  if (healer === undefined || digestOf(bytes) === digest) return false;
  return await healer.manifest(digest, { imageID }, (sql, right) => {
    sql.run("UPDATE image_manifest SET bytes = ? WHERE digest = ?", right, digest);
  });
}

async function forget({ db }: ImageDeps, digest: Digest): Promise<boolean> {
  await db.write((sql) => sql.run("DELETE FROM image_manifest WHERE digest = ?", digest));
  return true;
}

function* checkBlobs({ db, content }: ImageDeps, { quick, signal, healer }: ImageCheckOptions): Generator<Problem> {
  const checked = new Set<Digest>();
  for (const { digest, size, imageID } of db.read(manifestBlobs)) {
    signal?.throwIfAborted();
    if (checked.has(digest)) continue;
    checked.add(digest);
    const wrong = wrongBlob(content, digest, quick ? size : undefined);
    if (wrong === undefined) continue;
    const what = `blob ${digest}: ${wrong}`;
    const mend = async (): Promise<boolean | string> => (await healer?.blob({ digest, size }, { imageID })) ?? false;
    yield { invariant: "B1", what, imageID, advice: again, mend };
  }
}
