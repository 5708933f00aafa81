import { existsSync, lstatSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { sha256 } from "../base/sha256.ts";
import { isMachineRoot, mayWire } from "./capabilities.ts";
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
  /**
   * True for a store that whoever isn't root of the machine may use: what overlayfs notes in it has names that users may set, and what
   * the kernel refuses is kept. A store stays what it was when it was made.
   */
  readonly unprivileged: boolean;
  /** True where bridges, cgroups and devices are out of reach: nobody but root of the machine, or of a container like one, has them. */
  readonly rootless: boolean;
}

/** Where an engine lives; what is absent comes from BERTH_ROOT and BERTH_RUN_ROOT, then from the defaults. */
export interface Places {
  readonly root?: string;
  readonly runRoot?: string;
}

/**
 * The places of an engine, absolute: /var/lib/berth and /run/berth for root, the XDG directories for anybody else. A store elsewhere
 * has a run root of its own beside: each takes what it has no record of for garbage, and what runs would be ended.
 */
export function placesOf(places: Places, env: NodeJS.ProcessEnv = process.env): Required<Places> {
  const uid = callerOf(env);
  const isRoot = uid === 0;
  const data = isRoot ? "/var/lib" : (env["XDG_DATA_HOME"] ?? join(homedir(), ".local", "share"));
  const run = isRoot ? "/run" : (env["XDG_RUNTIME_DIR"] ?? `/tmp/berth-${uid}`);
  const usual = join(data, "berth");
  const root = resolve(places.root ?? (env["BERTH_ROOT"] || usual));
  const runRoot = places.runRoot ?? (env["BERTH_RUN_ROOT"] || join(run, runName(root, usual)));
  return { root, runRoot: resolve(runRoot) };
}

/** The same by each name of a store. */
function runName(root: string, usual: string): string {
  if (root === usual) return "berth";
  const real = realPlace(root);
  if (real === realPlace(usual)) return "berth";
  return `berth-${sha256(real).slice(0, 8)}`;
}

/** Without symbolic links, as far as it is there. */
function realPlace(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return join(realPlace(dirname(path)), basename(path));
  }
}

/** Look at this machine and make the places of an engine, where they are missing. */
export function openHost(places: Places = {}): Host {
  const { root, runRoot } = placesOf(places);
  const unprivileged = isUnprivileged(root);
  // Others may pass, as containers that aren't root look up their own files below it, but not list.
  const mode = unprivileged ? 0o700 : 0o711;
  mkdirSync(root, { recursive: true, mode });
  mkdirSync(runRoot, { recursive: true, mode });
  if (unprivileged) {
    checkOwner(runRoot);
    writeFileSync(markerOf(root), "");
  }
  return {
    syscalls: linux,
    root,
    runRoot,
    cgroup: probeCgroups(),
    unprivileged,
    rootless: unprivileged && !mayWire(),
  };
}

/** Says of a store that it is one of {@link Host.unprivileged}. */
const markerOf = (root: string): string => join(root, "unprivileged");

function isUnprivileged(root: string): boolean {
  return existsSync(markerOf(root)) || (!existsSync(join(root, "metadata.db")) && !isMachineRoot());
}

/** A place below /tmp may have been made by somebody else, to be told what is written there. */
function checkOwner(runRoot: string): void {
  const parent = dirname(runRoot);
  const places = parent.startsWith("/tmp/berth-") ? [runRoot, parent] : [runRoot];
  if (places.every((place) => lstatSync(place).uid === process.getuid?.())) return;
  throw new BerthError("permission-denied", `${runRoot} belongs to another user`, {
    hint: "Set XDG_RUNTIME_DIR or BERTH_RUN_ROOT to a directory that is yours.",
  });
}

/** Name of the variable by which `bin/berth` says whose command it started as root of a user namespace: a UID. */
const namespaceVariable = "BERTH_NAMESPACE";

/** The user whose command this is: outside of the user namespace that it was started in. */
export function callerOf(env: NodeJS.ProcessEnv = process.env): number {
  const own = process.getuid?.() ?? 0;
  return own === 0 ? Number(env[namespaceVariable] || own) : own;
}
