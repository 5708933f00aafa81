import { expect, test } from "vitest";
import type { CdiEdits } from "../host/cdi.ts";
import type { RuntimeSpec } from "../oci/runtime-spec.ts";
import { withDevices } from "./device-edits.ts";

const none: CdiEdits = { env: [], deviceNodes: [], mounts: [], hooks: [], additionalGids: [] };
const capabilities = { bounding: [], effective: [], permitted: [] };
const spec: RuntimeSpec = {
  ociVersion: "1.0.2",
  process: {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [1] },
    args: [],
    env: ["A=1"],
    cwd: "/",
    capabilities,
  },
  root: { path: "rootfs" },
  mounts: [],
  linux: { namespaces: [], cgroupsPath: "/x", resources: { devices: ["rule"], pids: {} } },
  hooks: { poststart: [{ path: "/own", args: [] }] },
};

test("a step has what its devices bring, beside its own", () => {
  const hook = { hookName: "createContainer", path: "/hook", args: ["hook"], env: [] };
  const edits: CdiEdits = {
    env: ["B=2"],
    deviceNodes: [
      { path: "/dev/zero2", hostPath: "/dev/zero", permissions: "r" },
      { path: "/dev/x", type: "b", major: 8, minor: 1, fileMode: 0o600, uid: 5, gid: 6 },
    ],
    mounts: [
      { hostPath: "/lib/a", containerPath: "/a", options: ["ro", "nosuid"] },
      { hostPath: "none", containerPath: "/t", type: "tmpfs", options: [] },
    ],
    hooks: [hook],
    additionalGids: [44, 0, 1],
  };
  const { process, linux, mounts, hooks } = withDevices(spec, [none, edits]);
  expect(process).toMatchObject({ env: ["A=1", "B=2"], user: { additionalGids: [1, 44] } });
  expect(linux.devices).toMatchObject([
    { path: "/dev/zero2", type: "c", major: 1, minor: 5 },
    { path: "/dev/x", type: "b", major: 8, minor: 1, fileMode: 0o600, uid: 5, gid: 6 },
  ]);
  expect(linux.resources).toEqual({
    pids: {},
    devices: [
      "rule",
      { allow: true, type: "c", major: 1, minor: 5, access: "r" },
      { allow: true, type: "b", major: 8, minor: 1, access: "rwm" },
    ],
  });
  expect(mounts).toEqual([
    { destination: "/a", type: "bind", source: "/lib/a", options: ["rbind", "ro", "nosuid"] },
    { destination: "/t", type: "tmpfs", source: "none", options: [] },
  ]);
  const { hookName: _, ...program } = hook;
  expect(hooks).toEqual({ poststart: spec.hooks?.poststart, createContainer: [program] });
});

test("a node that isn't there, and a hook that no runtime has, are errors", () => {
  const absent = { ...none, deviceNodes: [{ path: "/dev/no-such-node" }] };
  expect(() => withDevices(spec, [absent])).toThrow("no such device: /dev/no-such-node");
  const odd = { ...none, hooks: [{ hookName: "sometimes", path: "/x", args: [], env: [] }] };
  expect(() => withDevices(spec, [odd])).toThrow('invalid hook name "sometimes"');
});
