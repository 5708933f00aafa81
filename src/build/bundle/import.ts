import type { TempDir } from "../../base/disposal.ts";
import { type ArchiveFiles, type ArchiveSource, openArchiveFiles } from "../../image/archive-files.ts";
import { parseArchiveJson, readBlob } from "../../image/archive-json.ts";
import { indexName } from "../../image/layout-images.ts";
import { blobOf, descriptorsIn, malformed, manifestIn } from "../../image/layout-json.ts";
import type { Database } from "../../metadata/database.ts";
import { digestOf } from "../../oci/digest.ts";
import { type Descriptor, kindOf } from "../../oci/image-index.ts";
import { BuildLogger } from "../history/build-log.ts";
import { hasBuild, type NewRecord, saveBuild } from "../history/history.ts";
import { decodeLog } from "./log.ts";
import { logType, readRecord, recordType } from "./record.ts";

/** A record that an archive has. */
export interface ImportedBuild {
  readonly id: string;
  /** False where a record of this ID was there already: it stays. */
  readonly isNew: boolean;
}

/**
 * Keep the build records of an archive that `buildx history export` or berth made. They are records to look at: the images, and what a
 * build left in the cache, aren't in such an archive.
 *
 * @param scratch makes a directory for an archive that has to be unpacked
 * @throws {BerthError} invalid-argument, for what is no such archive: nothing of it is kept then
 */
export async function importBundle(
  db: Database,
  source: ArchiveSource,
  scratch: () => Promise<TempDir>,
): Promise<readonly ImportedBuild[]> {
  await using files = await openArchiveFiles(source, scratch);
  const records: NewRecord[] = [];
  for (const manifest of await manifestsOf(files)) records.push(await recordIn(files, manifest));
  if (records.length === 0) throw malformed("it has no build records");
  const imported: ImportedBuild[] = [];
  for (const record of records) {
    const { id } = record.build;
    const isNew = !hasBuild(db, id);
    if (isNew) await saveBuild(db, record);
    imported.push({ id, isNew });
  }
  return imported;
}

/** Of several records there is an index in the index. */
async function manifestsOf(files: ArchiveFiles): Promise<readonly Descriptor[]> {
  const size = await files.size(indexName);
  if (size === undefined) throw malformed(`it has no ${indexName}`);
  const found: Descriptor[] = [];
  for (const entry of descriptorsIn(indexName, await readBlob(files, { name: indexName, size }))) {
    if (kindOf(entry) !== "index") found.push(entry);
    else found.push(...descriptorsIn(entry.digest, await readBlob(files, blobOf(entry))));
  }
  return found;
}

async function recordIn(files: ArchiveFiles, manifest: Descriptor): Promise<NewRecord> {
  const { config, layers } = manifestIn(manifest.digest, await readBlob(files, blobOf(manifest)));
  if (config.mediaType !== recordType) throw malformed(`${manifest.digest} is no build record`);
  const { build, log } = readRecord(parseArchiveJson(config.digest, await readBlob(files, blobOf(config))));
  const blob = layers.find(({ mediaType, digest }) => mediaType === logType && digest === log);
  const bytes = blob === undefined ? Buffer.alloc(0) : await readBlob(files, blobOf(blob));
  const { recorded, events } = decodeLog(bytes, build.started);
  const logger = new BuildLogger();
  for (const { at, event } of events) logger.add(at, event);
  return {
    build: { ...build, recorded },
    // It is compared with no build that was made here.
    subject: digestOf(`imported ${build.id}`),
    log: logger.packed([]),
    lists: new Map(),
  };
}
