import { expect, test } from "vitest";
import { delegatedPath, managerOf } from "./delegated-cgroup.ts";

const app = "/user.slice/user-1000.slice/user@1000.service/app.slice";

test.each([
  [`0::${app}/run-1.scope\n`, `${app}/run-1.scope`],
  // Where the command has moved already.
  [`0::${app}/run-1.scope/berth-command\n`, `${app}/run-1.scope`],
  ["0::/berth-command\n", "/"],
  ["0::/\n", "/"],
  ["4:memory:/user.slice\n", undefined],
  ["", undefined],
])("the cgroup that may be shared out, of %j", (table, path) => {
  expect(delegatedPath(table)).toBe(path);
});

test.each([
  [`${app}/run-1.scope`, "/user.slice/user-1000.slice/user@1000.service"],
  ["/user.slice/user-1000.slice/user@1000.service", "/user.slice/user-1000.slice/user@1000.service"],
  ["/user.slice/user-1000.slice/session-2.scope", undefined],
  ["/system.slice/runner.service", undefined],
])("the user's manager that %j leads through", (path, manager) => {
  expect(managerOf(path)).toBe(manager);
});
