import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { archiveOf } from "../archive/testing.ts";
import { randomID } from "../base/ids.ts";
import { heldDir } from "../host/held-dir.ts";
import { lock } from "../host/lock.ts";
import { linux } from "../host/syscalls.ts";
import { openState } from "../metadata/open.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { type Engine, openEngine } from "./engine.ts";

let place: string;
let engine: Engine;
const root = (...names: readonly string[]): string => join(engine.places.root, ...names);
const runRoot = (...names: readonly string[]): string => join(engine.places.runRoot, ...names);

beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), "berth-garbage-"));
  engine = await openEngine({ root: join(place, "root"), runRoot: join(place, "run") });
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(place, { recursive: true });
});

function directory(path: string): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "file"), "left");
  return path;
}

function file(path: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, "left");
  return path;
}

async function found(repair = false): Promise<readonly string[]> {
  const problems = await Array.fromAsync(engine.check({ repair }));
  return [...new Set(problems.map(({ invariant, mended }) => (mended ? `${invariant} mended` : invariant)))].sort();
}

const id = randomID();
const kinds: Readonly<Record<string, readonly [string, () => string]>> = {
  "a volume's directory": ["V2", () => directory(root("volumes/old"))],
  "a temporary directory": ["T1", () => directory(root("tmp/load-x"))],
  "a config without an image": ["B2", () => file(root("blobs/sha256", hexOf(digestOf("left"))))],
  "half a config": ["B2", () => file(root("blobs/sha256", `${hexOf(digestOf("left"))}.0a.tmp`))],
  "a layer's directory": ["L6", () => directory(root("layers/77"))],
  "a layer's manifest": ["L6", () => file(root("layers/78.manifest"))],
  "an active snapshot": ["L6", () => directory(root("active/import-1"))],
  "a container's directory": ["C5", () => directory(root("containers", id))],
  "a bundle": ["C5", () => directory(runRoot("containers", id))],
  "an exit code": ["C5", () => file(runRoot("exits", id))],
  "a step of a build": ["X1", () => directory(runRoot("step-x"))],
  "a process of exec": ["X1", () => directory(runRoot("exec/one"))],
  "a server of layers": ["X1", () => directory(runRoot("lazy/one"))],
};

test.each(Object.entries(kinds))("%s that nobody has is found, and goes", async (_, [invariant, make]) => {
  const path = make();
  expect(await found()).toEqual([invariant]);
  expect(existsSync(path)).toBe(true);
  expect(await found(true)).toEqual([`${invariant} mended`]);
  expect(existsSync(path)).toBe(false);
  expect(await found()).toEqual([]);
  make();
  await engine.collectGarbage();
  expect(existsSync(path)).toBe(false);
});

test("an address goes when nobody has its lock any more", async () => {
  using state = await openState({ runRoot: engine.places.runRoot });
  const addresses = (): unknown => state.read((sql) => sql.all("SELECT container_id FROM endpoint"));
  await state.write((sql) => sql.run("INSERT INTO endpoint VALUES (?, 'n', '172.17.0.2', 'm')", id));
  {
    using _held = await lock(linux, runRoot("locks", id));
    expect(await found(true)).toEqual([]);
    expect(addresses()).toEqual([{ container_id: id }]);
  }
  expect(await found(true)).toEqual(["C5 mended"]);
  expect(addresses()).toEqual([]);
});

test("what a living process holds stays", async () => {
  await using step = await heldDir(linux, runRoot(), "step-");
  await using running = await openEngine(engine.places);
  let unblock: () => void = () => undefined;
  const blocked = new Promise<void>((resolve) => {
    unblock = resolve;
  });
  async function* slow(): AsyncGenerator<Buffer> {
    yield archiveOf(["f", "file", "1"]).subarray(0, 600);
    await blocked;
    yield archiveOf(["f", "file", "1"]).subarray(600);
  }
  const importing = running.images.import(slow(), { name: "slow" });
  while (readdirSync(root("active")).length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(await found(true)).toEqual([]);
  await engine.collectGarbage();
  expect(existsSync(step.path)).toBe(true);
  unblock();
  await importing;
  expect(await found()).toEqual([]);
});
