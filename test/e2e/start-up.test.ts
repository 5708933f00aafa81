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
  return spawnSync(process.execPath, ["--", join(copy, "berth.cjs"), ...args], { encoding: "utf8" });
}

/** What was kept of the code for a verb. */
function kept(verb: string): string {
  const directory = join(copy, "compile-cache");
  const name = readdirSync(directory).find((each) => each.endsWith(`.js-${verb}`));
  if (name === undefined) throw new Error(`nothing was kept for ${verb}`);
  return join(directory, name);
}

function halfOfZeroes(bytes: Buffer): Buffer {
  return bytes.fill(0, bytes.length / 2);
}

test("keeps compiled code of the first four runs of a verb, and no more", () => {
  const runs = Array.from({ length: 6 }, () => {
    expect(berth("help", "ps").stdout).toContain("Usage:");
    const path = kept("help");
    return { learned: readFileSync(path)[0], at: statSync(path, { bigint: true }).mtimeNs };
  });
  expect(runs.map(({ learned }) => learned)).toEqual([1, 2, 3, 4, 4, 4]);
  expect(new Set(runs.slice(3).map(({ at }) => at)).size).toBe(1);
  expect(readdirSync(join(copy, "compile-cache"))).toHaveLength(1);
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
  const { stdout } = berth("--version");
  const path = kept("other");
  done(path);
  expect(berth("--version")).toMatchObject({ status: 0, stdout, stderr: "" });
  expect(readFileSync(path)[0]).toBe(1);
});

test("starts where nothing can be written", () => {
  writeFileSync(join(copy, "compile-cache"), "in the way");
  expect(berth("--version")).toMatchObject({ status: 0, stderr: "" });
});
