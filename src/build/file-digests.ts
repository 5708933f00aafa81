import { createHash, hash } from "node:crypto";
import { closeSync, constants, createReadStream, openSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { bytesOf, pathOf } from "../archive/byte-string.ts";
import { stoppedBy } from "../base/operation.ts";
import type { Database } from "../metadata/database.ts";
import type { TreeEntry } from "../snapshot/merged-tree.ts";

/** Files below this size are read in one call. Bytes. */
const wholeLimit = 1 << 20;

/** Files after which others get a turn. */
const turn = 256;

/** A file that changed this recently may change again within one tick of its time stamps: its digest isn't kept. Milliseconds. */
const settleTime = 2000;

/**
 * SHA-256 (hex) of regular files, in the order of `files`.
 *
 * A file whose device, inode, size, mtime and ctime are as they were when it was last read is not read again.
 *
 * @param options forgetful: for this time alone
 */
export async function digestFiles(
  db: Database,
  files: readonly TreeEntry[],
  { signal, forgetful }: { readonly signal?: AbortSignal; readonly forgetful: boolean },
): Promise<readonly string[]> {
  const known = recall(db, files);
  const digests: string[] = [];
  const fresh: (readonly [path: string, stamp: string, digest: string])[] = [];
  for (const [index, { source, stats }] of files.entries()) {
    if (index % turn === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    const stamp = [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(":");
    const record = known.get(source);
    if (record?.stamp === stamp) {
      digests.push(record.digest);
      continue;
    }
    const digest = (stats.size < wholeLimit ? digestSmall(source) : undefined) ?? (await digestLarge(source, signal));
    digests.push(digest);
    if (Date.now() - Number(stats.ctimeMs) > settleTime) fresh.push([source, stamp, digest]);
  }
  if (!forgetful) await remember(db, fresh);
  return digests;
}

interface Known {
  readonly path: string;
  readonly stamp: string;
  readonly digest: string;
}

function recall(db: Database, files: readonly TreeEntry[]): ReadonlyMap<string, Known> {
  const rows = db.read((sql) =>
    sql.all<Known>(
      "SELECT known.path, stamp, digest FROM json_each(?) AS wanted JOIN file_digest AS known ON known.path = wanted.value",
      JSON.stringify(files.map(({ source }) => source)),
    ),
  );
  return new Map(rows.map((row) => [row.path, row]));
}

/** One byte more than a small file has tells one that has grown. */
const buffer = Buffer.allocUnsafeSlow(wholeLimit);

/** @returns undefined for a file that is no longer small */
function digestSmall(source: string): string | undefined {
  const fd = openSync(pathOf(bytesOf(source)), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    let used = 0;
    for (let read = 1; read > 0 && used < wholeLimit; used += read)
      read = readSync(fd, buffer, used, wholeLimit - used, null);
    return used < wholeLimit ? hash("sha256", buffer.subarray(0, used), "hex") : undefined;
  } finally {
    closeSync(fd);
  }
}

async function digestLarge(source: string, signal?: AbortSignal): Promise<string> {
  const sum = createHash("sha256");
  const options = { highWaterMark: wholeLimit, ...stoppedBy(signal) };
  for await (const chunk of createReadStream(pathOf(bytesOf(source)), options)) sum.update(chunk);
  return sum.digest("hex");
}

async function remember(db: Database, fresh: readonly (readonly [string, string, string])[]): Promise<void> {
  if (fresh.length === 0) return;
  await db.write((sql) =>
    sql.run(
      `INSERT INTO file_digest (path, stamp, digest)
       SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
       ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, digest = excluded.digest`,
      JSON.stringify(fresh),
    ),
  );
}
