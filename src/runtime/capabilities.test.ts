import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { dockerCapabilities } from "./capabilities.ts";

const docker = dockerCapabilities({ add: [], drop: [], privileged: false, uid: 0 }, []).bounding;
const held = [...docker, "CAP_NET_ADMIN", "CAP_SYS_ADMIN"];

const bounding = (add: readonly string[], drop: readonly string[]) =>
  dockerCapabilities({ add, drop, privileged: false, uid: 0 }, held).bounding;

test.each([
  [[], [], docker],
  [["net_admin"], [], [...docker, "CAP_NET_ADMIN"]],
  [["CAP_CHOWN"], [], docker],
  [[], ["CAP_MKNOD", "kill"], docker.filter((name) => name !== "CAP_MKNOD" && name !== "CAP_KILL")],
  [["NET_ADMIN"], ["all"], ["CAP_NET_ADMIN"]],
  [["ALL"], ["SYS_ADMIN"], [...docker, "CAP_NET_ADMIN"]],
])("Adding %j and dropping %j leaves %j", (add, drop, expected) => {
  expect(bounding(add, drop)).toEqual(expected);
});

test("Adding wins over dropping", () => {
  expect(bounding(["MKNOD"], ["MKNOD"])).toContain("CAP_MKNOD");
});

test("A privileged process has all that there is to give", () => {
  expect(dockerCapabilities({ add: [], drop: ["ALL"], privileged: true, uid: 0 }, held).effective).toEqual(held);
});

test.each([
  [["nope"], [], 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
  [[], ["nope"], 'invalid CapDrop: unknown capability: "CAP_NOPE"'],
  [
    ["bpf"],
    [],
    'invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_BPF"',
  ],
])("Adding %j and dropping %j is refused in Docker's words", (add, drop, message) => {
  expect(() => bounding(add, drop)).toThrow(new BerthError("invalid-argument", message));
});
