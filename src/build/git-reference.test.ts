import { expect, test } from "vitest";
import { parseGitReference } from "./git-reference.ts";

test.each([
  ["https://example.com/foo.git", { remote: "https://example.com/foo.git", ref: "", subdir: "" }],
  ["https://example.com/foo.git#release/1.2", { ref: "release/1.2", subdir: "" }],
  ["https://example.com/foo.git#baz/qux:quux/quuz", { ref: "baz/qux", subdir: "quux/quuz" }],
  ["https://example.com/foo.git#:folder", { ref: "", subdir: "folder" }],
  ["https://example.com/foo.git#a:../../b/./c", { ref: "a", subdir: "b/c" }],
  ["https://example.com/foo.git?ref=v1&subdir=/sub", { ref: "v1", subdir: "sub" }],
  ["https://example.com/foo.git?subdir=/sub#v1", { ref: "v1", subdir: "sub" }],
  ["https://example.com/foo.git?tag=v1", { ref: "refs/tags/v1" }],
  ["https://example.com/foo.git?branch=v1", { ref: "refs/heads/v1" }],
  ["https://example.com/foo.git?keep-git-dir&submodules=0", { keepGitDir: true, submodules: false }],
  ["https://example.com/foo.git?mtime=commit&checksum=deadbeef", { commitTime: true, checksum: "deadbeef" }],
  ["https://a:b@example.com/foo.git", { remote: "https://a:b@example.com/foo.git", scheme: "https" }],
  ["git://example.com/foo", { remote: "git://example.com/foo", scheme: "git" }],
  ["ssh://git@example.com:22/foo", { remote: "ssh://git@example.com:22/foo", scheme: "ssh" }],
  ["git@example.com:foo/bar.git?subdir=sub#v1", { remote: "git@example.com:foo/bar.git", scheme: "ssh", ref: "v1" }],
  ["github.com/foo/bar#main", { remote: "https://github.com/foo/bar", ref: "main", isLikePath: true }],
])("%s is a repository", (text, expected) => {
  expect(parseGitReference(text)).toMatchObject(expected);
});

test.each([
  "https://example.com/foo",
  "https://example.com/foo.git/",
  "https://example.com/foo.git.bar",
  "http://example.com/foo.git:#branch",
  "custom.example/foo.git",
  "./.git",
  "file:///srv/foo.git",
  "-oProxyCommand=x@example.com:foo",
  "-a@example.com:foo",
  "ssh://-oProxyCommand=x/foo",
  "a@b",
])("%s is none", (text) => {
  expect(parseGitReference(text)).toBeUndefined();
});

test.each([
  ["?ref=v1#v2", 'ref conflicts: "v2" vs "v1"'],
  ["?ref=v1&tag=v2", 'ref conflicts: "v1" vs "refs/tags/v2"'],
  ["?tag=v1&branch=v1", "branch conflicts with tag"],
  ["?subdir=a#:b", 'subdir conflicts: "b" vs "a"'],
  ["?nosuch=1", 'unexpected query "nosuch"'],
  ["?ref=", 'query "ref" has no value'],
  ["?ref=a&ref=b", 'query "ref" has multiple values'],
  ["?mtime=never", 'invalid mtime value: "never" (must be "checkout" or "commit")'],
  ["?submodules=perhaps", 'invalid submodules value: "perhaps"'],
  ["?commit=main", "invalid checksum main for Git URL, expected hex commit hash"],
  ["#--upload-pack=/bin/sh", 'invalid git ref "--upload-pack=/bin/sh"'],
])("a repository with %s can't be", (rest, message) => {
  expect(() => parseGitReference(`https://example.com/foo.git${rest}`)).toThrow(message);
});
