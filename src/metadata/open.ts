import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { BerthError, fullDiskHint, messageOf } from "../base/errors.ts";
import { freeBytes } from "../host/free-bytes.ts";
import type { Host } from "../host/host.ts";
import type { Database, Sql, SqlValue } from "./database.ts";
import { stateMigrations, storeMigrations } from "./schema.ts";

/** How long a writer waits for the others before it gives up, milliseconds. */
const busyLimit = 60_000;

/**
 * Pages of the log after which a commit moves them into the database. Who opens it first reads the whole log, a page in some 5 µs, where
 * the last one didn't close it.
 */
const longestLog = 250;

/** What {@link openDatabaseFile} needs to know of a database. */
export interface DatabaseFile {
  readonly path: string;
  /** SQL that takes version n to n + 1. */
  readonly migrations: readonly string[];
  /** `FULL`: a commit survives power loss. `NORMAL`: it survives the process. */
  readonly synchronous: "FULL" | "NORMAL";
}

/** Open the durable records of a store: images, layers, containers. @throws {BerthError} failed-precondition, when a newer berth wrote it */
export function openDatabase(host: Pick<Host, "root">): Promise<Database> {
  return openDatabaseFile({ path: join(host.root, "metadata.db"), migrations: storeMigrations, synchronous: "FULL" });
}

/** Open the records of what runs now: pids and addresses. */
export function openState(host: Pick<Host, "runRoot">): Promise<Database> {
  return openDatabaseFile({ path: join(host.runRoot, "state.db"), migrations: stateMigrations, synchronous: "NORMAL" });
}

/** Open a SQLite file in WAL mode and bring its tables up to date. */
export async function openDatabaseFile(file: DatabaseFile): Promise<Database> {
  mkdirSync(dirname(file.path), { recursive: true, mode: 0o700 });
  const connection = opened(file.path);
  try {
    await whenFree(() =>
      connection.exec(
        `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${file.synchronous}; PRAGMA wal_autocheckpoint = ${longestLog}`,
      ),
    );
    const database = wrap(connection, file);
    await migrate(database, file);
    return database;
  } catch (error) {
    connection.close();
    throw asTold(error, file.path);
  }
}

function wrap(connection: DatabaseSync, { path, synchronous }: DatabaseFile): Database {
  const sql = sqlOf(connection);
  const transaction = <T>(begin: string, body: (sql: Sql) => T): T => {
    connection.exec(begin);
    try {
      const result = body(sql);
      connection.exec("COMMIT");
      return result;
    } catch (error) {
      if (connection.isTransaction) connection.exec("ROLLBACK");
      throw asTold(error, path);
    }
  };
  // Without the wait for the disk a commit takes a tenth of the time.
  const relaxed = <T>(body: (sql: Sql) => T): T => {
    connection.exec("PRAGMA synchronous = NORMAL");
    try {
      return transaction("BEGIN IMMEDIATE", body);
    } finally {
      connection.exec(`PRAGMA synchronous = ${synchronous}`);
    }
  };
  return {
    write: (body, { durable = true } = {}) =>
      whenFree(() => (durable ? transaction("BEGIN IMMEDIATE", body) : relaxed(body))),
    read: (body) => transaction("BEGIN", body),
    get: (text, ...parameters) => {
      try {
        return sql.get(text, ...parameters);
      } catch (error) {
        throw asTold(error, path);
      }
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

function sqlOf(connection: DatabaseSync): Sql {
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const known = statements.get(text);
    if (known !== undefined) return known;
    const statement = connection.prepare(text);
    statements.set(text, statement);
    return statement;
  };
  return {
    all: <Row>(text: string, ...parameters: readonly SqlValue[]) => prepared(text).all(...parameters) as Row[],
    get: <Row>(text: string, ...parameters: readonly SqlValue[]) =>
      prepared(text).get(...parameters) as Row | undefined,
    run: (text, ...parameters) => {
      const { changes, lastInsertRowid } = prepared(text).run(...parameters);
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
    },
  };
}

async function migrate(database: Database, file: DatabaseFile): Promise<void> {
  const newest = file.migrations.length;
  const version = (sql: Sql): number => sql.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
  const found = database.read(version);
  if (found === newest) return;
  if (found > newest) throw newerStore(file.path, found, newest);
  await database.write((sql) => {
    // Another process may have migrated between the look and the lock.
    for (let next = version(sql); next < newest; next++) {
      for (const statement of statementsOf(file.migrations[next] ?? "")) sql.run(statement);
      sql.run(`PRAGMA user_version = ${next + 1}`);
    }
  });
}

/** Each ends with its line. */
function statementsOf(script: string): readonly string[] {
  return script
    .split(/;$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

function newerStore(path: string, found: number, newest: number): BerthError {
  return new BerthError(
    "failed-precondition",
    `${path} has version ${found}, this berth knows versions up to ${newest}`,
    {
      hint: "Use the newer berth that wrote it, or another place with --root.",
    },
  );
}

/** Run `action` again, with growing pauses, as long as another process holds the lock: SQLite's own wait would stop the event loop. */
async function whenFree<T>(action: () => T): Promise<T> {
  const end = Date.now() + busyLimit;
  for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
    try {
      return action();
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
    }
    await sleep(pause * (0.5 + Math.random()));
  }
}

/** SQLITE_BUSY. */
function isBusy(error: unknown): boolean {
  return resultOf(error) === 5;
}

function opened(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw asTold(error, path);
  }
}

/** SQLITE_CORRUPT, SQLITE_CANTOPEN, SQLITE_NOTADB. */
const damaged: ReadonlySet<number | undefined> = new Set([11, 14, 26]);

/** What a user can act on. SQLITE_FULL is a full disk, and SQLITE_IOERR where the index of its log can't grow. */
function asTold(error: unknown, path: string): unknown {
  const [result, cause] = [resultOf(error), error];
  if (result === 13 || (result === 10 && isFull(path))) {
    return new BerthError("unavailable", `write ${path}: no space left on device`, { cause, hint: fullDiskHint });
  }
  if (!damaged.has(result)) return error;
  const hint = "Keep a copy of the file before anything else; sqlite3's .recover may save what is in it.";
  return new BerthError("data-loss", `open ${path}: ${messageOf(error)}`, { cause, hint });
}

/** Less is free than one growth of that index takes. */
function isFull(path: string): boolean {
  return freeBytes(dirname(path)) < 32 << 10;
}

/** SQLite's code of an error, without what extends it. */
function resultOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode & 0xff
    : undefined;
}
