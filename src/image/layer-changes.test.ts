import { describe, expect, test } from "vitest";
import type { ManifestEntry } from "../archive/manifest.ts";
import { opaqueXattr } from "../archive/whiteout.ts";
import { type LayerChanges, LayerFollower } from "./layer-changes.ts";

type Part = Pick<ManifestEntry, "path" | "kind"> & Partial<ManifestEntry>;

const entry = (part: Part): ManifestEntry => ({
  ...{ mode: 0o755, uid: 0, gid: 0, size: 0, mtimeNs: 0n, crc: 0, target: "", device: 0, xattrs: {} },
  ...part,
});
const file = (path: string, size: number): Part => ({ path, kind: "file", size });
const directory = (path: string, more: Partial<ManifestEntry> = {}): Part => ({ path, kind: "dir", ...more });
const opaque = (path: string): Part => directory(path, { xattrs: { [opaqueXattr]: "eQ==" } });
const whiteout = (path: string): Part => ({ path, kind: "char" });
const link = (path: string, target: string): Part => ({ path, kind: "link", target });

function follow(...layers: readonly (readonly Part[])[]): readonly LayerChanges[] {
  const follower = new LayerFollower();
  for (const layer of layers) follower.add([directory(""), ...layer].map(entry));
  return follower.changes();
}

const rowsOf = (layer: LayerChanges | undefined): readonly string[] =>
  (layer?.files ?? []).map(({ kind, path, size, before, wasted }) => `${kind} ${path} ${size} ${before} ${wasted}`);

const cases: readonly (readonly [what: string, layers: readonly (readonly Part[])[], rows: readonly string[][]])[] = [
  ["a file written again", [[file("f", 5)], [file("f", 7)]], [["A /f 5 0 5"], ["C /f 7 5 0"]]],
  ["a file deleted", [[file("f", 5)], [whiteout("f")]], [["A /f 5 0 5"], ["D /f 0 5 0"]]],
  ["a file deleted that isn't there", [[file("f", 5)], [whiteout("g")]], [["A /f 5 0 0"], []]],
  [
    "a file deleted and made again",
    [[file("f", 5)], [whiteout("f")], [file("f", 6)]],
    [["A /f 5 0 5"], ["D /f 0 5 0"], ["A /f 6 0 0"]],
  ],
  [
    "a directory deleted with all that is in it",
    [[directory("d"), file("d/a", 1), directory("d/e"), file("d/e/b", 2)], [whiteout("d")]],
    [["A /d 0 0 0", "A /d/a 1 0 1", "A /d/e 0 0 0", "A /d/e/b 2 0 2"], ["D /d 0 3 0"]],
  ],
  [
    "a directory that is there only for what is in it",
    [
      [directory("d"), file("d/a", 1)],
      [directory("d"), file("d/b", 2)],
    ],
    [["A /d 0 0 0", "A /d/a 1 0 0"], ["A /d/b 2 0 0"]],
  ],
  [
    "a directory with another mode",
    [[directory("d"), file("d/a", 1)], [directory("d", { mode: 0o700 })]],
    [["A /d 0 0 0", "A /d/a 1 0 0"], ["C /d 0 0 0"]],
  ],
  [
    "an opaque directory: some is there again, the rest is gone",
    [
      [directory("d"), file("d/a", 1), directory("d/e"), file("d/e/b", 2), file("d/e/c", 4)],
      [opaque("d"), file("d/a", 8)],
    ],
    [
      ["A /d 0 0 0", "A /d/a 1 0 1", "A /d/e 0 0 0", "A /d/e/b 2 0 2", "A /d/e/c 4 0 4"],
      ["C /d/a 8 1 0", "D /d/e 0 6 0"],
    ],
  ],
  [
    "an opaque root",
    [
      [file("a", 1), file("b", 2)],
      [{ ...opaque(""), path: "" }, file("b", 3)],
    ],
    [
      ["A /a 1 0 1", "A /b 2 0 2"],
      ["D /a 0 1 0", "C /b 3 2 0"],
    ],
  ],
  [
    "a directory that becomes a file, and back",
    [[directory("d"), file("d/a", 3)], [file("d", 1)], [directory("d"), file("d/a", 2)]],
    [["A /d 0 0 0", "A /d/a 3 0 3"], ["C /d 1 3 1"], ["A /d/a 2 0 0", "C /d 0 1 0"].sort()],
  ],
  [
    "a file with two names, which is wasted when both are gone",
    [[file("a", 5), link("b", "a")], [whiteout("a")], [whiteout("b")]],
    [["A /a 5 0 5", "A /b 0 0 0"], ["D /a 0 0 0"], ["D /b 0 5 0"]],
  ],
  [
    "a file with two names, of which one is left",
    [[file("a", 5), link("b", "a")], [whiteout("a")]],
    [["A /a 5 0 0", "A /b 0 0 0"], ["D /a 0 0 0"]],
  ],
  [
    "a symlink counts its target",
    [[{ path: "l", kind: "symlink", target: "/abc" }], [file("l", 1)]],
    [["A /l 4 0 4"], ["C /l 1 4 0"]],
  ],
  ["a device counts nothing", [[{ path: "n", kind: "char", device: 259 }]], [["A /n 0 0 0"]]],
];

test.each(cases)("%s", (_, layers, rows) => {
  const sorted = rows.map((each) => each.toSorted((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)));
  const found = follow(...layers).map(rowsOf);
  expect(found.map((each) => each.toSorted((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)))).toEqual(sorted);
});

test("a layer's sizes are the sums of its files'", () => {
  const [first] = follow([file("a", 5), file("b", 7)], [whiteout("b")]);
  expect(first).toMatchObject({ size: 12, wasted: 7 });
});

test("an entry before its directory is refused", () => {
  expect(() => follow([file("d/a", 1)])).toThrow('"d/a" before its directory');
});

describe("a directory of very many files", () => {
  const many = [directory("d"), ...Array.from({ length: 130_000 }, (_, index) => file(`d/${index}`, 1))];
  test.each<readonly [string, Part, number]>([
    ["is deleted", whiteout("d"), 1],
    ["is hidden", opaque("d"), many.length - 1],
  ])(
    "%s",
    (_, part, rows) => {
      expect(follow(many, [part])[1]?.files.length).toBe(rows);
    },
    60_000,
  );
});
