import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linux } from "../host/syscalls.ts";
import { type AppliedLayer, type ApplyOptions, applyLayer } from "./extract.ts";
import { archiveOf, type Entry, streamOf } from "./testing.ts";

let base = "";
let root = "";

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-extract-"));
  root = join(base, "root");
  mkdirSync(root);
  mkdirSync(join(base, "outside"));
  writeFileSync(join(base, "outside/secret"), "untouched");
});

afterEach(() => rmSync(base, { recursive: true }));

function apply(entries: readonly Entry[], options: Partial<ApplyOptions> = {}): Promise<AppliedLayer> {
  return applyLayer(streamOf(archiveOf(...entries)), root, { syscalls: linux, whiteouts: "plain", ...options });
}

/** Every file below the root as `path kind` with its content or target. */
function tree(dir = root, prefix = ""): string[] {
  return readdirSync(dir)
    .sort()
    .flatMap((name) => {
      const path = join(dir, name);
      const stats = lstatSync(path);
      if (stats.isDirectory()) return [`${prefix}${name}/`, ...tree(path, `${prefix}${name}/`)];
      if (stats.isSymbolicLink()) return [`${prefix}${name} -> ${readlinkSync(path)}`];
      return [`${prefix}${name} = ${readFileSync(path, "utf8")}`];
    });
}

describe("entries land inside the root", () => {
  test.each<[string, Entry[], string[]]>([
    ["absolute names begin at the root", [["/etc/passwd", "file", "x"]], ["etc/", "etc/passwd = x"]],
    ["dots and doubled slashes are cleaned", [["./a/./b//../c", "file", "x"]], ["a/", "a/c = x"]],
    ["an absolute name can't climb above the root", [["/../../a", "file", "x"]], ["a = x"]],
    [
      "a relative link on the way is followed",
      [
        ["usr/bin", "dir"],
        ["bin", "symlink", "usr/bin"],
        ["bin/sh", "file", "x"],
      ],
      ["bin -> usr/bin", "usr/", "usr/bin/", "usr/bin/sh = x"],
    ],
    [
      "an absolute link on the way begins at the root",
      [
        ["lib", "symlink", "/usr/lib"],
        ["lib/a", "file", "x"],
      ],
      ["lib -> /usr/lib", "usr/", "usr/lib/", "usr/lib/a = x"],
    ],
    [
      "a link that climbs out stops at the root",
      [
        ["up", "symlink", "../../../../outside"],
        ["up/secret", "file", "x"],
      ],
      ["outside/", "outside/secret = x", "up -> ../../../../outside"],
    ],
    [
      "a link that is replaced by a directory is no longer followed",
      [
        ["d", "symlink", "other"],
        ["d/a", "file", "1"],
        ["d", "dir"],
        ["d/b", "file", "2"],
      ],
      ["d/", "d/b = 2", "other/", "other/a = 1"],
    ],
    [
      "a file replaces a link, not its target",
      [
        ["t", "file", "1"],
        ["l", "symlink", "t"],
        ["l", "file", "2"],
      ],
      ["l = 2", "t = 1"],
    ],
    [
      "a file replaces a directory",
      [
        ["d/a", "file"],
        ["d", "file", "x"],
      ],
      ["d = x"],
    ],
    [
      "a directory replaces a file",
      [
        ["d", "file", "x"],
        ["d", "dir"],
      ],
      ["d/"],
    ],
    [
      "a directory over a directory keeps its content",
      [
        ["d/a", "file", "x"],
        ["d", "dir"],
      ],
      ["d/", "d/a = x"],
    ],
    [
      "the last of several files wins",
      [
        ["a", "file", "1"],
        ["a", "file", "2"],
      ],
      ["a = 2"],
    ],
    [
      "a hard link names the same file",
      [
        ["a", "file", "1"],
        ["d/b", "link", "/a"],
      ],
      ["a = 1", "d/", "d/b = 1"],
    ],
    [
      "a hard link to itself changes nothing",
      [
        ["a", "file", "1"],
        ["a", "link", "./a"],
      ],
      ["a = 1"],
    ],
    [
      "a hard link to a link is one",
      [
        ["l", "symlink", "/nowhere"],
        ["m", "link", "l"],
      ],
      ["l -> /nowhere", "m -> /nowhere"],
    ],
    [
      "a broken hard link replaced by a file leaves the other name alone",
      [
        ["a", "file", "1"],
        ["b", "link", "a"],
        ["b", "file", "2"],
      ],
      ["a = 1", "b = 2"],
    ],
  ])("%s", async (_, entries, expected) => {
    await apply(entries);
    expect(tree()).toEqual(expected);
    expect(tree(join(base, "outside"))).toEqual(["secret = untouched"]);
  });

  test("names keep their bytes", async () => {
    await apply([
      ["caf\xe9", "file"],
      ["\xc3\xa9", "file"],
    ]);
    expect(readdirSync(root, "latin1").sort()).toEqual(["caf\xe9", "\xc3\xa9"].sort());
  });
});

describe("a hostile archive is refused, and nothing outside changes", () => {
  test.each<[string, Entry[], string]>([
    [
      "a name that climbs out",
      [["a/../../outside/secret", "file", "x"]],
      '"a/../../outside/secret" is outside of the root of the archive',
    ],
    [
      "a directory that climbs out",
      [["../outside", "dir", "", { mode: 0o777 }]],
      '"../outside" is outside of the root of the archive',
    ],
    [
      "a hard link to the outside",
      [["a", "link", "../outside/secret"]],
      '"../outside/secret" is outside of the root of the archive',
    ],
    [
      "a hard link through a link to the outside",
      [
        ["l", "symlink", "../outside"],
        ["a", "link", "l/secret"],
      ],
      'invalid hard link "a" -> "l/secret": no such file in the archive',
    ],
    ["a hard link to nothing", [["a", "link", "b"]], 'invalid hard link "a" -> "b": no such file in the archive'],
    [
      "a file below a file",
      [
        ["a", "file"],
        ["a/b", "file"],
      ],
      "not a directory: a",
    ],
    [
      "a loop of links",
      [
        ["a", "symlink", "b"],
        ["b", "symlink", "a"],
        ["a/x", "file"],
      ],
      "too many levels of symbolic links: a",
    ],
    [
      "a root that is no directory",
      [
        ["./", "dir"],
        [".", "symlink", "x"],
      ],
      "the root of an archive is no symlink",
    ],
    ["a whiteout of its own directory", [["d/.wh..", "file"]], 'invalid whiteout ".wh.."'],
    ["a whiteout of the directory above", [["d/.wh...", "file"]], 'invalid whiteout ".wh..."'],
    ["a whiteout of nothing", [["d/.wh.", "file"]], 'invalid whiteout ".wh."'],
    ["a name longer than the kernel takes", [["a/".repeat(3000), "file"]], `file name too long: ${"a/".repeat(40)}…`],
    [
      "a component longer than the file system takes",
      [["a".repeat(300), "file"]],
      `failed to unpack "${"a".repeat(300)}"`,
    ],
  ])("%s", async (_, entries, message) => {
    await expect(apply(entries)).rejects.toMatchObject({ kind: "invalid-argument" });
    rmSync(root, { recursive: true });
    mkdirSync(root);
    await expect(apply(entries)).rejects.toThrow(message);
    expect(tree(base).filter((line) => !line.startsWith("root/"))).toEqual(["outside/", "outside/secret = untouched"]);
    expect(lstatSync(join(base, "outside")).mode & 0o777).toBe(0o755);
  });

  test("a link in place of a directory doesn't lend it the directory's time", async () => {
    const before = lstatSync(join(base, "outside")).mtimeMs;
    await apply([
      ["d/outside", "dir"],
      ["d", "symlink", ".."],
      ["outside", "dir"],
      ["outside", "symlink", "../outside"],
    ]);
    expect(lstatSync(join(base, "outside")).mtimeMs).toBe(before);
  });

  test("an archive that is cut off names the entry", async () => {
    const bytes = archiveOf(["etc/passwd", "file", "x".repeat(5000)]).subarray(0, 3000);
    const failure = applyLayer(streamOf(bytes), root, { syscalls: linux, whiteouts: "plain" });
    await expect(failure).rejects.toThrow('unexpected EOF in "etc/passwd"');
  });

  test("an aborted signal stops it", async () => {
    const signal = AbortSignal.abort(new Error("stopped"));
    await expect(apply([["a", "file"]], { signal })).rejects.toThrow("stopped");
  });
});

test.each([
  ["in the middle", (zeroes: string) => `begin${zeroes}end`],
  ["at the end", (zeroes: string) => `begin${zeroes}`],
  ["alone", (zeroes: string) => zeroes],
])("zeroes %s take no disk, and are read as they were", async (_, contentOf) => {
  const content = contentOf("\0".repeat(4 << 20));
  const archive = archiveOf(["f", "file", content]);
  await applyLayer(streamOf(archive, 65536), root, { syscalls: linux, whiteouts: "plain" });
  const { size, blocks } = lstatSync(join(root, "f"));
  expect(size).toBe(content.length);
  expect(blocks * 512).toBeLessThan(300_000);
  expect(readFileSync(join(root, "f")).equals(Buffer.from(content))).toBe(true);
});

describe("attributes", () => {
  test("modes, times and sizes are the archive's", async () => {
    const { size } = await apply([
      ["d", "dir", "", { mode: 0o1777, mtimeNs: -1_500_000_000n }],
      ["d/f", "file", "12345", { mode: 0o4711, mtimeNs: 1_700_000_000_123_456_789n }],
      ["d/l", "symlink", "f", { mtimeNs: 5_000_000_001n }],
      ["d/h", "link", "d/f"],
    ]);
    const stat = (name: string): [number, bigint] => {
      const { mode, mtimeNs } = lstatSync(join(root, name), { bigint: true });
      return [Number(mode) & 0o7777, mtimeNs];
    };
    expect(stat("d")).toEqual([0o1777, -1_500_000_000n]);
    expect(stat("d/f")).toEqual([0o4711, 1_700_000_000_123_456_789n]);
    expect(stat("d/l")[1]).toBe(5_000_000_001n);
    // Five of the file, one of the symlink.
    expect(size).toBe(6);
  });

  test("the umask plays no part", async () => {
    const before = process.umask(0o077);
    try {
      await apply([
        ["a/b", "file", "", { mode: 0o666 }],
        ["c", "dir", "", { mode: 0o777 }],
      ]);
    } finally {
      process.umask(before);
    }
    expect(["a", "a/b", "c"].map((name) => lstatSync(join(root, name)).mode & 0o777)).toEqual([0o755, 0o666, 0o777]);
  });

  test("directories that aren't listed are told, with the time of what they were made for", async () => {
    const { implied } = await apply([
      ["a/b/c", "file"],
      ["a", "dir"],
      ["x/y", "file"],
      ["x", "file"],
    ]);
    expect(implied).toEqual(["/a/b"]);
    expect(lstatSync(join(root, "a/b")).mtimeMs).toBe(1000);
  });
});

describe("whiteouts", () => {
  test("plain: a whiteout deletes, an opaque one spares what the archive made", async () => {
    await apply([
      ["old/a", "file"],
      ["keep/a", "file"],
      ["gone", "file"],
    ]);
    await apply([
      [".wh.gone", "file"],
      [".wh.never", "file"],
      ["keep/new", "file", "x"],
      ["keep/.wh..wh..opq", "file"],
      [".wh..wh.plnk", "dir"],
      [".wh.old", "file"],
    ]);
    expect(tree()).toEqual(["keep/", "keep/new = x"]);
  });

  test("literal: they are files", async () => {
    await apply([[".wh.a", "file", "x"]], { whiteouts: "literal" });
    expect(tree()).toEqual([".wh.a = x"]);
  });
});
