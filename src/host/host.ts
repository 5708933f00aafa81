import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type CgroupLayout, probeCgroups } from "./cgroup.ts";
import { linux, type Syscalls } from "./syscalls.ts";

/** This machine, and where one engine lives on it. Opened once per process by the engine. */
export interface Host {
  readonly syscalls: Syscalls;
  /** Durable state: images, layers, containers. Absolute. */
  readonly root: string;
  /** State that ends with a reboot: pids, sockets, bundles. Absolute. */
  readonly runRoot: string;
  readonly cgroup: CgroupLayout;
}

/** Where an engine lives; what is absent comes from BERTH_ROOT and BERTH_RUN_ROOT, then from the defaults. */
export interface Places {
  readonly root?: string;
  readonly runRoot?: string;
}

/** The places of an engine, absolute: /var/lib/berth and /run/berth for root, the XDG directories for anybody else. */
function placesOf(places: Places, env: NodeJS.ProcessEnv = process.env): Required<Places> {
  const isRoot = process.getuid?.() === 0;
  const data = isRoot ? "/var/lib" : (env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"));
  const run = isRoot ? "/run" : (env["XDG_RUNTIME_DIR"] ?? `/tmp/berth-${process.getuid?.()}`);
  return {
    root: resolve(places.root ?? (env["BERTH_ROOT"] || join(data, "berth"))),
    runRoot: resolve(places.runRoot ?? (env["BERTH_RUN_ROOT"] || join(run, "berth"))),
  };
}

/** Look at this machine and make the places of an engine, where they are missing. */
export function openHost(places: Places = {}): Host {
  const { root, runRoot } = placesOf(places);
  // Others may pass, as containers that aren't root look up their own files below it, but not list.
  mkdirSync(root, { recursive: true, mode: 0o711 });
  mkdirSync(runRoot, { recursive: true, mode: 0o711 });
  return { syscalls: linux, root, runRoot, cgroup: probeCgroups() };
}
