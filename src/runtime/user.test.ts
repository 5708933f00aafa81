import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { resolveUser } from "./user.ts";

const passwd = `# accounts
root:x:0:0:root:/root:/bin/sh
  app:x:1000:1001:App:/home/app:/bin/sh
1000:x:7:7::/seven:
twice:x:50:50::/first:
twice:x:51:51::/second:
bare:x:60:60
homeless:x:61:61:::
broken:x:zero:0::/:
`;
const group = `root:x:0:root
app:x:1001:
video:x:44:app,root
audio:x:29:other,app
broken:x::app
1001:x:9:
`;

test.each([
  ["", { uid: 0, gid: 0, additionalGids: [0, 44], home: "/root" }],
  ["app", { uid: 1000, gid: 1001, additionalGids: [1001, 44, 29], home: "/home/app" }],
  ["1000", { uid: 1000, gid: 1001, additionalGids: [1001, 44, 29], home: "/home/app" }],
  ["app:video", { uid: 1000, gid: 44, additionalGids: [44], home: "/home/app" }],
  ["app:1001", { uid: 1000, gid: 1001, additionalGids: [1001], home: "/home/app" }],
  ["app:", { uid: 1000, gid: 1001, additionalGids: [1001, 44, 29], home: "/home/app" }],
  [":audio", { uid: 0, gid: 29, additionalGids: [29], home: "/root" }],
  ["4242", { uid: 4242, gid: 0, additionalGids: [0], home: "/" }],
  ["4242:4343", { uid: 4242, gid: 4343, additionalGids: [4343], home: "/" }],
  ["twice", { uid: 50, gid: 50, additionalGids: [50], home: "/first" }],
  ["bare", { uid: 60, gid: 60, additionalGids: [60], home: "/" }],
  ["homeless", { uid: 61, gid: 61, additionalGids: [61], home: "/" }],
])("%j is looked up in the container's files", (text, expected) => {
  expect(resolveUser(text, passwd, group)).toEqual(expected);
});

test("Without files, IDs still work and the rest is root", () => {
  expect(resolveUser("", "", "")).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: "/" });
  expect(resolveUser("12:13", "", "")).toEqual({ uid: 12, gid: 13, additionalGids: [13], home: "/" });
});

test("Added groups come last and once, by name or ID", () => {
  expect(resolveUser("app", passwd, group, ["audio", "77", "root", "77"]).additionalGids).toEqual([
    1001, 44, 29, 77, 0,
  ]);
});

test.each([
  ["nosuch", [], "unable to find user nosuch: no matching entries in passwd file"],
  ["broken", [], "unable to find user broken: no matching entries in passwd file"],
  ["app:nosuch", [], "unable to find group nosuch: no matching entries in group file"],
  ["app", ["nosuch"], "unable to find group nosuch: no matching entries in group file"],
  ["2147483648", [], "uids and gids must be in range 0-2147483647"],
  ["0:-1", [], "uids and gids must be in range 0-2147483647"],
])("%j with groups %j is refused in Docker's words", (text, groupAdd, message) => {
  expect(() => resolveUser(text, passwd, group, groupAdd)).toThrow(new BerthError("invalid-argument", message));
});
