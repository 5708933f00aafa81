import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { ownerOf } from "./chown.ts";

const files: Readonly<Record<string, string>> = {
  "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1001::/:/bin/sh\n",
  "/etc/group": "root:x:0:\nstaff:x:50:alice\n",
};
const tree = {
  stat: (path: string) => (path in files ? ({ kind: "file" } as never) : undefined),
  readFile: (path: string) => {
    const text = files[path];
    if (text === undefined) throw new BerthError("not-found", path);
    return Buffer.from(text);
  },
};

test.each([
  ["alice", 1000, 1001],
  ["alice:staff", 1000, 50],
  ["alice:7", 1000, 7],
  ["12", 12, 12],
  ["12:34", 12, 34],
  ["root:staff", 0, 50],
  ["nobody-known:nothing", 0, 0],
])("--chown=%s is %d:%d", (text, uid, gid) => {
  expect(ownerOf(tree, text)).toEqual({ uid, gid });
});

test("a file system without users knows numbers only", () => {
  expect(ownerOf({ ...tree, stat: () => undefined }, "alice:5")).toEqual({ uid: 0, gid: 5 });
});
