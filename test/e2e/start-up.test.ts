import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const dist = join(import.meta.dirname, "../../dist");
let copy: string;

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), "berth-start-"));
  for (const name of readdirSync(dist)) {
    if (name !== "compile-cache") cpSync(join(dist, name), join(copy, name));
  }
});

afterEach(() => rmSync(copy, { recursive: true }));

function berth(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const node = ["--disable-warning=ExperimentalWarning", "--"];
  return spawnSync(process.execPath, [...node, join(copy, "berth.cjs"), ...args], { encoding: "utf8" });
}

/** What was kept of the code for a verb. */
function kept(verb: string): string {
  const directory = join(copy, "compile-cache");
  const name = readdirSync(directory).find((each) => each.endsWith(`.js-${verb}`));
  if (name === undefined) throw new Error(`nothing was kept for ${verb}`);
  return join(directory, name);
}

function halfOfZeroes(bytes: Buffer): Buffer {
  return bytes.fill(0, bytes.length >>> 1);
}

/** How many runs taught V8 what was kept. */
function learned(verb: string): number {
  return readFileSync(kept(verb)).readUInt32LE(0);
}

test("keeps the modules of a verb's first run, and compiled code of four more", () => {
  const runs = Array.from({ length: 7 }, () => {
    expect(berth("help", "ps").stdout).toContain("Usage:");
    return { learned: learned("help"), at: statSync(kept("help"), { bigint: true }).mtimeNs };
  });
  expect(runs.map(({ learned }) => learned)).toEqual([0, 1, 2, 3, 4, 4, 4]);
  expect(new Set(runs.slice(4).map(({ at }) => at)).size).toBe(1);
  expect(readdirSync(join(copy, "compile-cache"))).toHaveLength(1);
});

test("learns again, and more, when a run needs a module that none before it did", () => {
  for (let run = 0; run < 3; run++) berth("help", "ps");
  const before = readFileSync(kept("help"), "latin1");
  const { stdout } = berth("help", "build");
  expect(stdout).toContain("Usage:");
  expect(learned("help")).toBe(0);
  const modulesOf = (text: string): readonly string[] => text.match(/^"\.\/[^"]+"(?=\()/gm) ?? [];
  expect(modulesOf(readFileSync(kept("help"), "latin1"))).toEqual(expect.arrayContaining([...modulesOf(before)]));
  expect(modulesOf(readFileSync(kept("help"), "latin1")).length).toBeGreaterThan(modulesOf(before).length);
  expect([berth("help", "build").stdout, learned("help")]).toEqual([stdout, 1]);
});

test("keeps nothing of a command that failed, nor one file for each mistyped verb", () => {
  expect(berth("nonsense").status).toBe(1);
  expect(readdirSync(copy)).not.toContain("compile-cache");
  expect(berth("--version").status).toBe(0);
  expect(kept("other")).toBeDefined();
});

test.each([
  { damage: "cut short", done: (path: string) => truncateSync(path, 1000) },
  { damage: "empty", done: (path: string) => truncateSync(path, 0) },
  { damage: "half of zeroes", done: (path: string) => writeFileSync(path, halfOfZeroes(readFileSync(path))) },
  { damage: "of zeroes", done: (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size)) },
  {
    damage: "of another program",
    done: (path: string) => writeFileSync(path, readFileSync(process.execPath).subarray(0, 100_000)),
  },
])("does without compiled code that is $damage, and makes it again", ({ done }) => {
  for (let run = 0; run < 2; run++) berth("--version");
  const { stdout } = berth("--version");
  done(kept("other"));
  expect(berth("--version")).toMatchObject({ status: 0, stdout, stderr: "" });
  expect(learned("other")).toBe(0);
});

test("starts where nothing can be written", () => {
  writeFileSync(join(copy, "compile-cache"), "in the way");
  expect(berth("--version")).toMatchObject({ status: 0, stderr: "" });
});
