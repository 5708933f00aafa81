import { readlinkSync } from "node:fs";
import { join } from "node:path/posix";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, pathOf } from "../archive/byte-string.ts";
import type { Entry } from "../archive/testing.ts";
import type { MergedTree, TreeEntry } from "./merged-tree.ts";
import { inMount, testStore } from "./testing.ts";

const letters: Readonly<Record<TreeEntry["kind"], string>> = {
  file: "f",
  dir: "d",
  symlink: "l",
  char: "c",
  block: "b",
  fifo: "p",
  socket: "s",
};

/** Every entry as find prints it. */
function listed(tree: MergedTree, path = "/"): string[] {
  const entry = tree.lstat(path);
  if (entry === undefined) throw new Error(`${path} is listed and not there`);
  const { kind, stats } = entry;
  const target = kind === "symlink" ? readlinkSync(pathOf(bytesOf(entry.source)), "latin1") : "";
  const size = kind === "file" ? stats.size : "";
  const line = [bytesOf(path), letters[kind], (Number(stats.mode) & 0o7777).toString(8), stats.uid, size, target]
    .join(" ")
    .trimEnd();
  return [line, ...(kind === "dir" ? tree.readdir(path).flatMap((name) => listed(tree, join(path, name))) : [])];
}

const find = `find . \\( -type f -printf '%P f %m %U %s %l\\n' \\) -o -printf '%P %y %m %U  %l\\n' 2>/dev/null || true`;

const name = fc.constantFrom("a", "b", "c", "a/a", "a/b", "b/a", "b/c/d", "caf\xe9");
const entry = fc
  .tuple(name, fc.constantFrom("file", "dir", "dir", "symlink", "whiteout", "opaque", "fifo"), fc.nat({ max: 0o777 }))
  .map(([path, type, mode]): Entry => {
    const slash = path.lastIndexOf("/") + 1;
    if (type === "whiteout") return [`${path.slice(0, slash)}.wh.${path.slice(slash)}`, "file"];
    if (type === "opaque")
      return [slash === 0 ? `${path}/.wh..wh..opq` : `${path.slice(0, slash)}.wh..wh..opq`, "file"];
    return [path, type, type === "dir" ? "" : `to-${path}`, { mode: mode | 0o700 }];
  });

/** What no archive has: something below what is no directory. */
function possible(entries: readonly Entry[]): readonly Entry[] {
  const directories = new Map<string, boolean>();
  return entries.filter(([path, type]) => {
    const parts = path.split("/");
    const above = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join("/"));
    const plain = path.replace(/\.wh\.(?!\.wh)/, "");
    if (above.some((directory) => directories.get(directory) === false)) return false;
    for (const directory of above) directories.set(directory, true);
    if (!plain.endsWith(".opq")) directories.set(plain, plain === path && type === "dir");
    return true;
  });
}

test("layers look as the kernel shows them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(entry, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), async (layers) => {
      await using store = await testStore();
      let chain = await store.commit([]);
      for (const entries of layers) chain = await store.commit(possible(entries), chain);
      await using active = await store.snapshotter.prepare("view", chain);
      const [mount] = active.mounts();
      if (mount === undefined) throw new Error("no mount");
      const seen = inMount(
        mount,
        `${find}; echo --; { echo new > a/new; } 2>/dev/null || true; rm -rf b; mkdir b; ${find}`,
      );
      const [before = "", after = ""] = seen.split("--\n");
      const sorted = (text: string): string[] =>
        text
          .trimEnd()
          .split("\n")
          .map((line) => `/${line}`.trimEnd())
          .sort();
      expect(listed(store.snapshotter.view(chain)).sort()).toEqual(sorted(before));
      expect(listed(active.view()).sort()).toEqual(sorted(after));
    }),
    { numRuns: 25 },
  );
});

describe("paths", () => {
  const entries: readonly Entry[] = [
    ["etc/passwd", "file", "root"],
    ["abs", "symlink", "/etc"],
    ["up", "symlink", "../../../etc"],
    ["d/self", "symlink", "."],
    ["d/over", "symlink", "../abs/../etc/passwd"],
    ["dangling", "symlink", "/no/where"],
    ["loop", "symlink", "loop"],
    ["caf\xe9", "file", "bytes"],
  ];

  test.each([
    ["/", "/"],
    ["", "/"],
    ["/../..", "/"],
    ["etc//./passwd/", "/etc/passwd"],
    ["/abs/passwd", "/etc/passwd"],
    ["/up/passwd", "/etc/passwd"],
    ["/d/self/self/../d/over", "/etc/passwd"],
    ["/dangling/x/../y", "/no/where/y"],
    ["/missing/../etc", "/etc"],
  ])("%s leads to %s", async (path, expected) => {
    await using store = await testStore();
    const tree = store.snapshotter.view(await store.commit(entries));
    expect(tree.resolve(path)).toBe(expected);
  });

  test("are looked up inside the root, links followed or not", async () => {
    await using store = await testStore();
    const tree = store.snapshotter.view(await store.commit(entries));
    expect(tree.lstat("/abs")?.kind).toBe("symlink");
    expect(tree.stat("/abs")).toMatchObject({ kind: "dir", path: "/etc" });
    expect(tree.lstat("/abs/passwd")).toMatchObject({ kind: "file", path: "/etc/passwd" });
    expect(tree.stat("/dangling")).toBeUndefined();
    expect(tree.lstat("/etc/passwd/x")).toBeUndefined();
    expect(tree.readdir("/up")).toEqual(["passwd"]);
    expect(tree.readdir("/etc/passwd")).toEqual([]);
    expect(() => tree.stat("/loop")).toThrow("too many links in /loop");
  });

  test("keep bytes that are no UTF-8", async () => {
    await using store = await testStore();
    const tree = store.snapshotter.view(await store.commit(entries));
    const [, name = ""] = tree.readdir("/");
    expect(name).toBe("caf\udce9");
    expect(tree.readFile(`/${name}`, 10).toString()).toBe("bytes");
  });

  test("a file is read up to a limit", async () => {
    await using store = await testStore();
    const tree = store.snapshotter.view(await store.commit(entries));
    expect(tree.readFile("/abs/passwd", 4).toString()).toBe("root");
    expect(() => tree.readFile("/abs/passwd", 3)).toThrow("/abs/passwd is larger than 3 bytes");
    expect(() => tree.readFile("/etc/shadow", 3)).toThrow("/etc/shadow: no such file");
    expect(() => tree.readFile("/etc", 3)).toThrow("/etc: no such file");
  });
});
