import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { openDatabase, openDatabaseFile } from "./open.ts";
import { storeMigrations } from "./schema.ts";

const place = (): string => scratchOfTest("metadata");

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

test("what refers to layers that are gone doesn't outlive the store's third version, and none can go from then on", async () => {
  const root = place();
  const file = { path: join(root, "metadata.db"), synchronous: "FULL" } as const;
  {
    using old = await openDatabaseFile({ ...file, migrations: storeMigrations.slice(0, 2) });
    await old.write((sql) => {
      sql.run("INSERT INTO layer (chain_id, diff_id, size, writer) VALUES ('here', 'd', 1, 1)");
      sql.run("INSERT INTO image (id, size, stored_at) VALUES ('i', 1, '')");
      for (const chain of ["here", "gone"]) {
        sql.run("INSERT INTO image_layer VALUES ('i', ?)", chain);
        sql.run("INSERT INTO container VALUES (?1, ?1, 'i', ?1, '', '{}', NULL)", chain);
        sql.run("INSERT INTO build_record (key, chain_id, created, used) VALUES (?1, ?1, '', '')", chain);
      }
    });
  }
  using database = await openDatabase({ root });
  expect(database.read((sql) => sql.all("SELECT chain_id FROM image_layer"))).toEqual([{ chain_id: "here" }]);
  expect(database.read((sql) => sql.all("SELECT id, chain_id FROM container ORDER BY id"))).toEqual([
    { id: "gone", chain_id: null },
    { id: "here", chain_id: "here" },
  ]);
  expect(database.read((sql) => sql.all("SELECT key FROM build_record"))).toEqual([{ key: "here" }]);
  await expect(database.write((sql) => sql.run("DELETE FROM layer"))).rejects.toThrow("FOREIGN KEY");
  expect(database.read((sql) => sql.all("PRAGMA foreign_key_check"))).toEqual([]);
});

test("names of a store before its fourth version mean the same images, and no index", async () => {
  const root = place();
  {
    const file = {
      path: join(root, "metadata.db"),
      migrations: storeMigrations.slice(0, 3),
      synchronous: "FULL",
    } as const;
    using old = await openDatabaseFile(file);
    await old.write((sql) => {
      sql.run("INSERT INTO image (id, size, stored_at) VALUES ('i', 1, '')");
      sql.run("INSERT INTO image_reference VALUES ('name:1', 'i', '')");
    });
  }
  using database = await openDatabase({ root });
  const names = database.read((sql) => sql.all("SELECT reference, image_id, index_digest FROM image_reference"));
  expect(names).toEqual([{ reference: "name:1", image_id: "i", index_digest: null }]);
  const point = database.write((sql) => sql.run("UPDATE image_reference SET index_digest = 'none'"));
  await expect(point).rejects.toThrow("FOREIGN KEY");
});

test("a file that is no database, and a directory in its place, are named", async () => {
  const root = place();
  writeFileSync(
    join(root, "metadata.db"),
    "no database, but a text that is long enough to be taken for its first page".repeat(20),
  );
  const path = join(root, "metadata.db");
  const told = (message: string): object => ({ kind: "data-loss", message, hint: expect.stringContaining(".recover") });
  await expect(openDatabase({ root })).rejects.toMatchObject(told(`open ${path}: file is not a database`));
  rmSync(path);
  mkdirSync(path);
  await expect(openDatabase({ root })).rejects.toMatchObject(told(`open ${path}: unable to open database file`));
});
