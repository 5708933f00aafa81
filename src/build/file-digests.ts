import { createHash } from "node:crypto";
import { createReadStream, lstatSync, readFileSync } from "node:fs";
import type { Database } from "../metadata/database.ts";

/** Files up to this size are read in one call. Bytes. */
const wholeLimit = 1 << 20;

/** A file that changed this recently may change again within one tick of its time stamps: its digest isn't kept. Milliseconds. */
const settleTime = 2000;

/**
 * SHA-256 (hex) of regular files, in the order of `paths`.
 *
 * A file whose device, inode, size, mtime and ctime are as they were when it was last read is not read again.
 */
export async function digestFiles(
  db: Database,
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const stamps = paths.map(stampOf);
  const known = db.read((sql) =>
    paths.map((path) =>
      sql.get<{ stamp: string; digest: string }>("SELECT stamp, digest FROM file_digest WHERE path = ?", path),
    ),
  );
  const digests: string[] = [];
  const fresh: (readonly [path: string, stamp: string, digest: string])[] = [];
  for (const [index, path] of paths.entries()) {
    const stamp = stamps[index];
    const record = known[index];
    if (stamp === undefined) throw new Error("unreachable: one stamp per path");
    if (record?.stamp === stamp.text) {
      digests.push(record.digest);
      continue;
    }
    signal?.throwIfAborted();
    const digest = stamp.size <= wholeLimit ? digestSmall(path) : await digestLarge(path, signal);
    digests.push(digest);
    if (stamp.settled) fresh.push([path, stamp.text, digest]);
  }
  await remember(db, fresh);
  return digests;
}

interface Stamp {
  readonly text: string;
  readonly size: number;
  readonly settled: boolean;
}

function stampOf(path: string): Stamp {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = lstatSync(path, { bigint: true });
  return {
    text: [dev, ino, size, mtimeNs, ctimeNs].join(":"),
    size: Number(size),
    settled: Date.now() - Number(ctimeMs) > settleTime,
  };
}

function digestSmall(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

async function digestLarge(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const options = { highWaterMark: wholeLimit, ...(signal === undefined ? {} : { signal }) };
  for await (const chunk of createReadStream(path, options)) hash.update(chunk);
  return hash.digest("hex");
}

async function remember(db: Database, fresh: readonly (readonly [string, string, string])[]): Promise<void> {
  if (fresh.length === 0) return;
  await db.write((sql) => {
    for (const row of fresh)
      sql.run(
        `INSERT INTO file_digest (path, stamp, digest) VALUES (?, ?, ?)
         ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, digest = excluded.digest`,
        ...row,
      );
  });
}
