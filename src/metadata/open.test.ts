import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openDatabase, openDatabaseFile } from "./open.ts";

const place = (): string => mkdtempSync(join(tmpdir(), "berth-metadata-"));

test("a transaction that throws leaves no trace", async () => {
  using database = await openDatabase({ root: place() });
  const insert = (name: string) =>
    database.write((sql) => {
      sql.run("INSERT INTO volume (name, driver, created) VALUES (?, 'local', '')", name);
      if (name === "bad") throw new Error("no");
    });
  await insert("good");
  await expect(insert("bad")).rejects.toThrow("no");
  expect(database.read((sql) => sql.all("SELECT name FROM volume"))).toEqual([{ name: "good" }]);
});

test("a writer waits for another process's transaction", async () => {
  const root = place();
  using database = await openDatabase({ root });
  const other = new DatabaseSync(join(root, "metadata.db"));
  other.exec("BEGIN IMMEDIATE");
  setTimeout(() => other.exec("COMMIT"), 50);
  await database.write((sql) => sql.run("INSERT INTO volume (name, driver, created) VALUES ('v', 'local', '')"));
  expect(database.read((sql) => sql.get("SELECT count(*) AS n FROM volume"))).toEqual({ n: 1 });
  other.close();
});

test("a newer store is refused with a sentence", async () => {
  const path = join(place(), "x.db");
  const file = { path, migrations: ["CREATE TABLE a (b)", "CREATE TABLE c (d)"], synchronous: "NORMAL" } as const;
  (await openDatabaseFile(file))[Symbol.dispose]();
  await expect(openDatabaseFile({ ...file, migrations: ["CREATE TABLE a (b)"] })).rejects.toThrow("has version 2");
});

test("an older store is brought up to date and keeps its rows", async () => {
  const path = join(place(), "x.db");
  const first = { path, migrations: ["CREATE TABLE a (b)"], synchronous: "NORMAL" } as const;
  {
    using database = await openDatabaseFile(first);
    await database.write((sql) => sql.run("INSERT INTO a VALUES (1)"));
  }
  using database = await openDatabaseFile({ ...first, migrations: [...first.migrations, "CREATE TABLE c (d)"] });
  expect(database.read((sql) => sql.get("SELECT b FROM a"))).toEqual({ b: 1 });
  expect(database.read((sql) => sql.all("SELECT d FROM c"))).toEqual([]);
});
