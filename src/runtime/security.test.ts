import { expect, test } from "vitest";
import { securityIn } from "./security.ts";

test.each([
  [[], { noNewPrivileges: false }],
  [["no-new-privileges"], { noNewPrivileges: true }],
  [["no-new-privileges:true"], { noNewPrivileges: true }],
  [["no-new-privileges=false"], { noNewPrivileges: false }],
  [["seccomp=builtin"], { noNewPrivileges: false }],
  [["seccomp=unconfined", "apparmor=mine"], { seccomp: "unconfined", apparmor: "mine", noNewPrivileges: false }],
  [['seccomp={"a":"b=c"}', "label=disable"], { seccomp: '{"a":"b=c"}', noNewPrivileges: false }],
  [["seccomp=unconfined", "seccomp=builtin"], { noNewPrivileges: false }],
  [["apparmor:one", "apparmor=two"], { apparmor: "two", noNewPrivileges: false }],
])("%j comes to %j", (options, security) => {
  expect(securityIn(options)).toEqual(security);
});
