import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import { rpmPackages } from "./rpm-packages.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rpm-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A header as rpm writes it, of texts and numbers by their tags. */
function header(values: Readonly<Record<number, string | number>>): Buffer {
  const index: Buffer[] = [];
  const data: Buffer[] = [];
  let size = 0;
  for (const [tag, value] of Object.entries(values)) {
    const bytes = typeof value === "string" ? Buffer.from(`${value}\0`) : Buffer.alloc(4);
    if (typeof value === "number") bytes.writeUInt32BE(value);
    const entry = Buffer.alloc(16);
    for (const [place, word] of [Number(tag), typeof value === "string" ? 6 : 4, size, 1].entries())
      entry.writeUInt32BE(word, place * 4);
    index.push(entry);
    data.push(bytes);
    size += bytes.length;
  }
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(index.length, 0);
  counts.writeUInt32BE(size, 4);
  return Buffer.concat([counts, ...index, ...data]);
}

function database(...headers: readonly Buffer[]): string {
  const path = join(directory, "rpmdb.sqlite?#");
  using made = new DatabaseSync(path);
  made.exec("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)");
  for (const each of headers) made.prepare("INSERT INTO Packages (blob) VALUES (?)").run(each);
  return path;
}

const fedora = { id: "fedora", version: "40" };

test("packages are read from rpm's database, which stays as it is", () => {
  const path = database(
    header({ 1000: "bash", 1001: "5.2", 1002: "1.fc40", 1011: "Fedora Project", 1014: "GPL-3.0", 1022: "x86_64" }),
    header({ 1000: "tar", 1001: "1.35", 1002: "3.fc40", 1003: 2, 1011: "(none)" }),
  );
  expect(rpmPackages(path, "/db", fedora)).toEqual([
    {
      ...{ name: "bash", version: "5.2-1.fc40", from: "/db", supplier: "Fedora Project", license: "GPL-3.0" },
      url: "pkg:rpm/fedora/bash@5.2-1.fc40?arch=x86_64&distro=fedora-40",
    },
    {
      ...{ name: "tar", version: "2:1.35-3.fc40", from: "/db" },
      url: "pkg:rpm/fedora/tar@1.35-3.fc40?distro=fedora-40&epoch=2",
    },
  ]);
});

test("headers that are cut off, or point elsewhere, name nothing", () => {
  const whole = header({ 1000: "bash", 1001: "5.2" });
  const astray = Buffer.from(whole);
  astray.writeUInt32BE(1 << 20, 16);
  const counts = Buffer.alloc(8, 0xff);
  expect(rpmPackages(database(whole.subarray(0, 20), astray, counts, Buffer.alloc(0)), "/db", fedora)).toEqual([]);
});

test("what is no such database is told from one without packages", () => {
  const path = join(directory, "file");
  writeFileSync(path, "text ".repeat(1000));
  expect(rpmPackages(path, "/db", fedora)).toBeUndefined();
  expect(rpmPackages(database(), "/db", fedora)).toEqual([]);
});
