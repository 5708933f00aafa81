import type { CgroupLayout } from "./cgroup.ts";
import type { Syscalls } from "./syscalls.ts";

/** This machine, and where one engine lives on it. Opened once per process by the engine. */
export interface Host {
  readonly syscalls: Syscalls;
  /** Durable state: images, layers, containers. Absolute. */
  readonly root: string;
  /** State that ends with a reboot: pids, sockets, bundles. Absolute. */
  readonly runRoot: string;
  readonly cgroup: CgroupLayout;
}
