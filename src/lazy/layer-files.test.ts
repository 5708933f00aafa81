import { expect, test } from "vitest";
import { noXattrs } from "../archive/tar-header.ts";
import { fileAt, isOpaque, layerFiles } from "./layer-files.ts";
import type { TocEntry, TocKind } from "./toc.ts";

function entry(name: string, kind: TocKind = "file", more: Partial<TocEntry> = {}): TocEntry {
  const plain = { mode: 0o644, uid: 1, gid: 2, mtimeNs: 3n, size: 0, linkname: "", major: 0, minor: 0 };
  return { name, kind, ...plain, xattrs: noXattrs, chunks: [], ...more };
}

const filesOf = (...entries: readonly TocEntry[]) => layerFiles({ entries, whole: new Map() }, () => undefined);

test("a directory that isn't listed has what a lower layer says of it", () => {
  const below = { mode: 0o1777, uid: 5, gid: 6, mtimeNs: 7n, xattrs: noXattrs };
  const root = layerFiles({ entries: [entry("tmp/a/b")], whole: new Map() }, (path) =>
    path === "tmp" ? below : undefined,
  );
  expect(fileAt(root, "tmp")).toMatchObject(below);
  expect(fileAt(root, "tmp/a")).toMatchObject({ kind: "dir", mode: 0o755, uid: 0, gid: 0, mtimeNs: 3n });
});

test("one that is listed later has what that says, and what is in it", () => {
  const root = filesOf(entry("a/b"), entry("a", "dir", { mode: 0o700 }));
  expect(fileAt(root, "a")).toMatchObject({ kind: "dir", mode: 0o700, uid: 1 });
  expect(fileAt(root, "a/b")).toMatchObject({ kind: "file" });
});

test("whiteouts are those of overlayfs, wherever they stand in the archive", () => {
  const root = filesOf(
    entry(".wh.gone"),
    entry("dir/.wh..wh..opq"),
    entry(".wh..wh.plnk"),
    entry("before", "dir"),
    entry(".wh.before"),
    entry(".wh.after"),
    entry("after", "dir"),
    entry(".wh.file"),
    entry("file"),
  );
  expect(fileAt(root, "gone")).toMatchObject({ kind: "char", major: 0, minor: 0 });
  for (const path of ["dir", "before", "after"]) {
    const found = fileAt(root, path);
    expect(found).toMatchObject({ kind: "dir" });
    expect(found && isOpaque(found)).toBe(true);
  }
  expect(fileAt(root, "file")).toMatchObject({ kind: "file" });
  expect([...(root.children?.keys() ?? [])].sort()).toEqual(["after", "before", "dir", "file", "gone"]);
});

test("hard links are one file, and count its names", () => {
  const root = filesOf(
    entry("a"),
    entry("b", "link", { linkname: "a" }),
    entry("c", "link", { linkname: "b" }),
    entry("b"),
  );
  expect(fileAt(root, "c")).toBe(fileAt(root, "a"));
  expect(fileAt(root, "a")?.links).toBe(2);
  expect(fileAt(root, "b")?.links).toBe(1);
});

test.each<[what: string, entries: readonly TocEntry[]]>([
  ["a hard link to what a lower layer has", [entry("a", "link", { linkname: "b" })]],
  ["a hard link to a directory", [entry("b", "dir"), entry("a", "link", { linkname: "b" })]],
  ["a hard link to what is deleted", [entry(".wh.b"), entry("a", "link", { linkname: "b" })]],
  ["a file below a link", [entry("a", "symlink", { linkname: "/etc" }), entry("a/b")]],
  ["a file below a file", [entry("a"), entry("a/b")]],
  ["a whiteout of no name", [entry(".wh.")]],
  ["a root that is a file", [entry("")]],
])("%s needs an ordinary pull", (_, entries) => {
  expect(() => filesOf(...entries)).toThrow("can only be unpacked by an ordinary pull");
});
