import type { Device } from "../host/devices.ts";

/** The nodes that a step with `--security=insecure` has, as in BuildKit: what it is for are mounts, virtual machines, networks. */
export const insecureDevices: readonly Device[] = [
  node("kmsg", 1, 11),
  node("cuse", 10, 203),
  node("fuse", 10, 229),
  node("kvm", 10, 232),
  node("net/tun", 10, 200),
  node("loop-control", 10, 237),
  ...Array.from({ length: 8 }, (_, minor) => ({ ...node(`loop${minor}`, 7, minor), type: "b" as const })),
];

function node(name: string, major: number, minor: number): Device {
  return { path: `/dev/${name}`, type: "c", major, minor, mode: 0o666, uid: 0, gid: 0 };
}
