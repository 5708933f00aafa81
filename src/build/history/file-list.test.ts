import { expect, test } from "vitest";
import { compareFiles, FileLister, mostListed, unpackFiles } from "./file-list.ts";

const digest = (digit: string): string => digit.repeat(64);
const attributes = ["file", 0o644, 0, 0, []];

test("a list comes back as it was, and tells what changed", () => {
  const listOf = (files: Readonly<Record<string, string>>) => {
    const lister = new FileLister();
    for (const [path, content] of Object.entries(files)) lister.add(path, { attributes, content });
    return unpackFiles(lister.packed() ?? Buffer.alloc(0));
  };
  const before = listOf({ "/b": digest("1"), "/a": digest("1"), "/line\nfeed\udc80": digest("1"), "/link": "target" });
  const after = listOf({ "/b": digest("2"), "/c": digest("1"), "/line\nfeed\udc80": digest("1"), "/link": "other" });
  expect(compareFiles(before, after)).toEqual({
    changed: [
      { path: "/b", what: ["content"] },
      { path: "/link", what: ["content"] },
    ],
    added: ["/c"],
    removed: ["/a"],
  });
  expect(compareFiles(after, after)).toEqual({ changed: [], added: [], removed: [] });
});

test("attributes are told one by one, another kind of file alone", () => {
  const one = (kind: string, mode: number, uid: number, xattrs: readonly unknown[]) =>
    new Map([["/f", { attributes: [kind, mode, uid, 0, xattrs], content: "1" }]]);
  const before = one("file", 0o644, 0, []);
  const what = (after: typeof before) => compareFiles(before, after).changed[0]?.what;
  expect(what(one("file", 0o4755, 7, [["user.x", "00"]]))).toEqual([
    "mode 0644 -> 4755",
    "owner 0:0 -> 7:0",
    "extended attributes",
  ]);
  expect(what(one("dir", 0o755, 7, []))).toEqual(["file -> dir"]);
});

test("a list has at most so many files, or none is kept", () => {
  const lister = new FileLister();
  for (let index = 0; index < mostListed; index++)
    lister.add(`/some/directory/${index}`, { attributes, content: digest("a") });
  expect(unpackFiles(lister.packed() ?? Buffer.alloc(0)).size).toBe(mostListed);
  lister.add("/one more", { attributes, content: digest("a") });
  expect(lister.packed()).toBeUndefined();
});
