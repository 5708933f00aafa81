import { messageOf } from "../../base/errors.ts";
import type { CheckOptions, Problem } from "../../base/problem.ts";
import type { Database } from "../../metadata/database.ts";
import { unpackLog } from "./build-log.ts";
import { unpackFiles } from "./file-list.ts";
import { dropOldest, historyBounds, readDetail, readSummary, removeBuilds } from "./history.ts";

/** Check what is kept of earlier builds: that it can be read, and that there isn't more of it than is kept. */
export async function* checkBuilds(db: Database, { quick, looked }: CheckOptions): AsyncGenerator<Problem> {
  const builds = db.read((sql) => sql.all<{ id: string; summary: string }>("SELECT id, summary FROM build"));
  looked("builds", builds.length);
  if (builds.length > historyBounds.builds) yield tooMany(db, builds.length);
  for (const { id, summary } of builds) {
    const why = failing(() => {
      if (readSummary(summary).id !== id) throw new Error("another build's");
      if (!quick) readContent(db, id);
    });
    if (why !== undefined) yield unreadable(`record of build ${id}: ${why}`, () => removeBuilds(db, [id]));
  }
  const unread = "SELECT key FROM build_files WHERE key NOT IN (SELECT key FROM build_read)";
  for (const { key } of db.read((sql) => sql.all<{ key: string }>(unread)))
    yield unreadable(`list of files ${key}: no build read it`, () => removeList(db, key));
  if (!quick) yield* checkLists(db);
}

function readContent(db: Database, id: string): void {
  const row = db.read((sql) =>
    sql.get<{ detail: Uint8Array; log: Uint8Array | null }>(
      "SELECT detail, log FROM build LEFT JOIN build_log ON build_id = id WHERE id = ?",
      id,
    ),
  );
  if (row === undefined) return;
  readDetail(row.detail);
  if (row.log !== null) unpackLog(row.log);
}

function* checkLists(db: Database): Generator<Problem> {
  for (const { key } of db.read((sql) => sql.all<{ key: string }>("SELECT key FROM build_files"))) {
    const row = db.read((sql) => sql.get<{ files: Uint8Array }>("SELECT files FROM build_files WHERE key = ?", key));
    const why = failing(() => void (row && unpackFiles(row.files)));
    if (why !== undefined) yield unreadable(`list of files ${key}: ${why}`, () => removeList(db, key));
  }
}

function tooMany(db: Database, count: number): Problem {
  const what = `records of builds: ${count}, which is more than ${historyBounds.builds}`;
  const mend = async (): Promise<boolean> => {
    await db.write(dropOldest);
    return true;
  };
  return { invariant: "H2", what, advice: "The next build drops the oldest.", mend };
}

function unreadable(what: string, remove: () => Promise<void>): Problem {
  const mend = async (): Promise<boolean> => {
    await remove();
    return true;
  };
  return { invariant: "H1", what, advice: "`berth builds rm` forgets a build; its image stays.", mend };
}

async function removeList(db: Database, key: string): Promise<void> {
  await db.write((sql) => {
    sql.run("DELETE FROM build_read WHERE key = ?", key);
    sql.run("DELETE FROM build_files WHERE key = ?", key);
  });
}

function failing(read: () => void): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
