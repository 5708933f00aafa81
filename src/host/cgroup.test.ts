import { expect, test } from "vitest";
import { cgroupIn } from "./cgroup.ts";

const hybrid = `13:devices:/docker/a
4:cpu,cpuacct:/user.slice
1:name=systemd:/init.scope
0::/user.slice/user-1000.slice/session-2.scope
`;

test.each([
  ["", "/user.slice/user-1000.slice/session-2.scope"],
  ["devices", "/docker/a"],
  ["cpuacct", "/user.slice"],
  ["memory", undefined],
])("a process's cgroup in the hierarchy of %j", (controller, path) => {
  expect(cgroupIn(hybrid, controller)).toBe(path);
});

test("a cgroup's path may have colons in it", () => {
  expect(cgroupIn("0::/user.slice/a:b.scope\n", "")).toBe("/user.slice/a:b.scope");
});
