import type { Problem } from "../base/problem.ts";
import type { Database } from "./database.ts";

/** Most lines that SQLite says of one damaged file. */
const lines = 20;

/** Check a database: its file, and that what its rows refer to is there. @param name as people know it: `metadata.db` */
export function* checkDatabase(database: Database, name: string): Generator<Problem> {
  const advice =
    "Keep a copy of the file before anything else writes to it; sqlite3's .recover may save what is in it.";
  const found = database.read((sql) => sql.all<{ integrity_check: string }>(`PRAGMA integrity_check(${lines})`));
  for (const { integrity_check: message } of found) {
    if (message !== "ok") yield { invariant: "R1", what: `${name}: ${message}`, advice };
  }
  const orphans = database.read((sql) =>
    sql.all<{ table: string; parent: string; rows: number }>(
      `SELECT "table", parent, count(*) AS rows FROM pragma_foreign_key_check GROUP BY "table", parent`,
    ),
  );
  for (const { table, parent, rows } of orphans) {
    const what = `${name}: ${rows} rows of ${table} refer to a row of ${parent} that is not there`;
    yield { invariant: "R2", what, advice: "Remove the images and containers that are named, and make them again." };
  }
}
