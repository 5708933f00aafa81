import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { openDatabase } from "../metadata/open.ts";
import { createBindSource } from "./bind-source.ts";
import { openVolumes } from "./volumes.ts";

const place = (): { readonly root: string } => ({ root: scratchOfTest("volume") });

test("a volume is made once and keeps its data", async () => {
  const host = place();
  using database = await openDatabase(host);
  const volumes = openVolumes(host, database);
  const made = await volumes.create({ name: "cache", labels: { a: "b" } });
  expect(made).toMatchObject({ name: "cache", driver: "local", labels: { a: "b" }, anonymous: false });
  expect(made.mountpoint).toBe(join(host.root, "volumes/cache/_data"));
  expect(statSync(made.mountpoint).mode & 0o7777).toBe(0o755);
  writeFileSync(join(made.mountpoint, "kept"), "");
  expect(await volumes.create({ name: "cache" })).toEqual(made);
  expect(existsSync(join(made.mountpoint, "kept"))).toBe(true);
  expect(volumes.get("cache")).toEqual(made);
});

test("ten creations at once make one volume", async () => {
  const host = place();
  using database = await openDatabase(host);
  const volumes = openVolumes(host, database);
  const made = await Promise.all(Array.from({ length: 10 }, () => volumes.create({ name: "cache" })));
  expect(new Set(made.map((volume) => volume.created)).size).toBe(1);
  expect(volumes.list()).toHaveLength(1);
});

test("a volume without a name is anonymous", async () => {
  const host = place();
  using database = await openDatabase(host);
  const volume = await openVolumes(host, database).create();
  expect(volume).toMatchObject({ name: expect.stringMatching(/^[0-9a-f]{64}$/), anonymous: true });
});

test("a removed volume is gone, and its name starts empty", async () => {
  const host = place();
  using database = await openDatabase(host);
  const volumes = openVolumes(host, database);
  const { mountpoint } = await volumes.create({ name: "cache" });
  writeFileSync(join(mountpoint, "old"), "");
  await volumes.remove("cache");
  expect(existsSync(mountpoint)).toBe(false);
  mkdirSync(mountpoint, { recursive: true });
  writeFileSync(join(mountpoint, "left by a removal that was cut short"), "");
  await volumes.create({ name: "cache" });
  expect(existsSync(join(mountpoint, "left by a removal that was cut short"))).toBe(false);
});

test("an unknown volume is named in the error", async () => {
  const host = place();
  using database = await openDatabase(host);
  const volumes = openVolumes(host, database);
  expect(() => volumes.get("nope")).toThrow("get nope: no such volume");
  await expect(volumes.remove("nope")).rejects.toThrow("get nope: no such volume");
  await volumes.remove("nope", { force: true });
});

test.each([
  ["a", "create a: volume name is too short, names should be at least two alphanumeric characters"],
  ["..", 'create ..: ".." includes invalid characters for a local volume name'],
  ["a/b", 'create a/b: "a/b" includes invalid characters for a local volume name'],
])("%j is no name for a volume", async (name, message) => {
  const host = place();
  using database = await openDatabase(host);
  await expect(openVolumes(host, database).create({ name })).rejects.toThrow(message);
});

test("a bind source that is missing becomes a directory, a file stays a file", () => {
  const { root } = place();
  createBindSource(join(root, "a/b"));
  expect(statSync(join(root, "a/b")).isDirectory()).toBe(true);
  writeFileSync(join(root, "file"), "");
  createBindSource(join(root, "file"));
  expect(statSync(join(root, "file")).isFile()).toBe(true);
});
