import { basename, join, normalize } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { StepMount } from "./graph.ts";
import type { StageContext } from "./stage-state.ts";
import type { MountStep } from "./steps.ts";

/** The mounts of a `RUN`, and the vertices that they read, which come after the step's file system. */
export interface LoweredMounts {
  readonly mounts: readonly StepMount[];
  readonly inputs: readonly Digest[];
}

/**
 * Lower the mounts of a command.
 *
 * @param cwd where it runs
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function lowerMounts(context: StageContext, steps: readonly MountStep[], cwd: string): LoweredMounts {
  const inputs: Digest[] = [];
  const input = (vertex: Digest): number => inputs.push(vertex);
  let agents = 0;
  const place = { cwd, context, input, agent: () => agents++ };
  return { mounts: steps.map((step) => lowerMount(step, place)), inputs };
}

interface MountPlace {
  readonly cwd: string;
  readonly context: StageContext;
  /** Makes a vertex an input of the step. @returns its index */
  input(vertex: Digest): number;
  /** Counts the ssh agents of the step. @returns those before this one */
  agent(): number;
}

function lowerMount(mount: MountStep, place: MountPlace): StepMount {
  switch (mount.type) {
    case "bind": {
      const { source = "", readOnly: readonly } = mount;
      const target = targetOf(mount, place.cwd);
      const vertex = mount.from ? place.context.source(mount.from) : place.context.context();
      return { type: "bind", input: place.input(vertex), source: join("/", source), target, readonly };
    }
    case "cache":
      return lowerCache(mount, place);
    case "tmpfs": {
      const target = targetOf(mount, place.cwd);
      return mount.size === undefined ? { type: "tmpfs", target } : { type: "tmpfs", target, size: mount.size };
    }
    case "secret":
      return lowerSecret(mount, place.cwd);
    case "ssh":
      return lowerAgent(mount, place);
    default:
      return mount.type satisfies never;
  }
}

/** The directory that a cache begins with where a mode or an owner is given with a whole tree, as in BuildKit. */
export const ownedDirectory = "/cache";

function lowerCache(mount: MountStep, place: MountPlace): StepMount {
  const target = targetOf(mount, place.cwd);
  const source = join("/", mount.source ?? "");
  const isOwned = source === "/" && [mount.mode, mount.uid, mount.gid].some((given) => given !== undefined);
  const from = mount.from
    ? { input: place.input(place.context.source(mount.from)), source: isOwned ? ownedDirectory : source }
    : undefined;
  // A part of a tree is as it is there.
  const { mode = 0o755, uid = 0, gid = 0 } = from === undefined || isOwned ? mount : {};
  return {
    type: "cache",
    id: mount.id || normalize(mount.target ?? ""),
    target,
    sharing: mount.sharing ?? "shared",
    readonly: mount.readOnly,
    mode,
    uid,
    gid,
    ...(isOwned ? { isOwned } : {}),
    ...(from === undefined ? {} : { from }),
  };
}

function lowerAgent({ id, source, target, required, mode, uid, gid }: MountStep, place: MountPlace): StepMount {
  if (source) throw new BerthError("invalid-argument", "ssh does not support source");
  const count = place.agent();
  return {
    type: "ssh",
    id: id || "default",
    target: target ? pathIn(place.cwd, target) : `/run/buildkit/ssh_agent.${count}`,
    required,
    mode: mode ?? 0o600,
    uid: uid ?? 0,
    gid: gid ?? 0,
  };
}

function lowerSecret(mount: MountStep, cwd: string): StepMount {
  const id = mount.source || mount.id || basename(mount.target ?? "");
  const usual = mount.env === undefined ? `/run/secrets/${basename(id)}` : undefined;
  const target = mount.target ? pathIn(cwd, mount.target) : usual;
  return {
    type: "secret",
    id,
    required: mount.required,
    mode: mount.mode ?? 0o400,
    uid: mount.uid ?? 0,
    gid: mount.gid ?? 0,
    ...(target === undefined ? {} : { target }),
    ...(mount.env === undefined ? {} : { env: mount.env || id }),
  };
}

function targetOf(mount: MountStep, cwd: string): string {
  const { target = "" } = mount;
  const path = pathIn(cwd, target);
  if (path !== "/") return path;
  throw new BerthError("invalid-argument", `invalid mount target ${JSON.stringify(path)}`);
}

function pathIn(cwd: string, path: string): string {
  return path.startsWith("/") ? normalize(path) : join("/", cwd, path);
}
