import { basename, join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type Emulators, openEmulators } from "../host/emulators.ts";
import type { Lock } from "../host/lock.ts";
import { digestOf } from "../oci/digest.ts";
import { createBundle } from "../runtime/bundle.ts";
import type { WindowSize } from "../runtime/window-size.ts";
import type { BuildDeps } from "./build.ts";
import { openBuildCache } from "./cache.ts";
import type { CopySource } from "./copy-op.ts";
import { type ExecDeps, type OpenedStep, openStep, runBundle, type StepOptions } from "./exec-op.ts";
import { deleteKept, type KeptInput, type KeptStep } from "./kept-steps.ts";
import { tryLockKept } from "./prune-kept.ts";
import type { SshSource } from "./ssh-agent.ts";
import { deviceRegistry } from "./step-devices.ts";
import { openStepNetworks } from "./step-network.ts";

/** How a command runs in a step that failed. */
export interface KeptRunOptions extends Operation {
  readonly signal: AbortSignal;
  /** By id: none is kept. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Agents for `RUN --mount=type=ssh`. */
  readonly ssh?: readonly SshSource[];
}

/** A command in place of the step's own. */
export interface KeptShellOptions extends KeptRunOptions {
  /** A shell of the step's file system when empty. */
  readonly args: readonly string[];
  /** The command gets a terminal. */
  readonly terminal: boolean;
  readonly windowSize?: WindowSize;
  /** Told of each secret or agent that the step has to have and that isn't given: the command has none then. */
  readonly onMissing: (error: BerthError) => void;
}

/**
 * Run a command on this process's standard streams in the file system that a step has left, with all that the step ran with.
 * What it writes stays.
 *
 * @returns its exit code
 * @throws {BerthError} conflict, while somebody else is in the step; not-found, when it has no shell
 */
export async function shellInKept(deps: BuildDeps, kept: KeptStep, options: KeptShellOptions): Promise<number> {
  const { signal } = options;
  const args = options.args.length > 0 ? options.args : [await shellOf(deps, kept)];
  return await inKept(deps, kept, { ...options, args }, async ({ step }) => {
    const { spec, snapshot, directory } = step;
    const id = basename(directory);
    const content = { id, spec: withTerm(spec), rootfs: snapshot.mounts(), host: deps.host };
    await using bundle = await createBundle(join(directory, "bundle"), content);
    return await deps.runtime.runAttached(id, bundle, { signal });
  });
}

/**
 * Run a step's own command again in the file system that it has left, and record what that comes to as the step's result: the next
 * build goes on from there.
 *
 * @throws {BuildError} when it fails again: what it has left stays
 * @throws {BerthError} as {@link shellInKept}; not-found, for a secret that isn't given
 */
export async function retryKept(deps: BuildDeps, kept: KeptStep, options: KeptRunOptions): Promise<void> {
  await inKept(deps, kept, options, async ({ step, vertex, emulators }) => {
    await runBundle({ ...deps, emulators }, { vertex, step }, options);
    const latest = kept.latest === undefined ? {} : { latest: BigInt(kept.latest) };
    const { chainID } = await step.snapshot.commit({ ...options, ...latest });
    await deps.snapshotter.flush();
    const created = new Date().toISOString();
    const name = `${kept.name} (retried)`;
    await openBuildCache(deps.db, () => true).save(kept.keys.map((key) => ({ key, chainID, created, name })));
    await deps.db.write((sql) => deleteKept(sql, kept.id));
    if (kept.mounts !== undefined) await deps.snapshotter.remove(kept.mounts);
    await deps.snapshotter.referred([chainID]);
  });
}

interface Opened {
  readonly emulators: Emulators;
  readonly step: OpenedStep;
  readonly vertex: Parameters<typeof runBundle>[1]["vertex"];
}

async function inKept<T>(
  deps: BuildDeps,
  kept: KeptStep,
  options: KeptRunOptions & Omit<StepOptions, "places">,
  body: (opened: Opened) => Promise<T>,
): Promise<T> {
  using _lock = lockKept(deps, kept);
  await using stepNetworks = openStepNetworks(deps);
  await using emulators = openEmulators();
  const agents = options.ssh === undefined ? {} : { agents: (await import("./ssh-agent.ts")).openAgents(options.ssh) };
  const [first, ...others] = kept.inputs;
  const parent = first !== undefined && "chainID" in first ? (first.chainID ?? undefined) : undefined;
  const sources = [first, ...others].map((input) => sourceOf(deps, input));
  const execDeps: ExecDeps = {
    ...deps,
    stepNetworks,
    emulators,
    registry: deviceRegistry(),
    ...agents,
    proxy: kept.proxy,
    secrets: options.secrets,
    ...(kept.resources === undefined ? {} : { resources: kept.resources }),
    ...(kept.security === undefined ? {} : { security: kept.security }),
  };
  const places = {
    files: () => deps.snapshotter.open(kept.files, parent),
    mounts: () => deps.snapshotter.open(kept.mounts ?? "", undefined),
  };
  await using step = await openStep(execDeps, { op: kept.op, parent, sources }, { ...options, places });
  const { op, architecture } = kept;
  if (architecture !== undefined) await emulators.ensure(architecture);
  const vertex = { digest: digestOf(kept.id), op, ...(architecture === undefined ? {} : { architecture }) };
  return await body({ emulators, step, vertex });
}

function lockKept(deps: BuildDeps, kept: KeptStep): Lock {
  const lock = tryLockKept(deps.host, kept);
  if (lock !== undefined) return lock;
  throw new BerthError("conflict", `the failed step ${kept.name} is open in another shell, or was just removed`);
}

/** A context isn't kept: what its mounts show was copied when the step ran. */
function sourceOf(deps: BuildDeps, input: KeptInput | undefined): CopySource {
  if (input === undefined || "context" in input) return { tree: deps.snapshotter.view(undefined), key: undefined };
  const { chainID } = input;
  const tree = deps.snapshotter.view(chainID ?? undefined);
  return chainID === null ? { tree, key: "scratch" } : { tree, key: chainID, chainID };
}

async function shellOf(deps: BuildDeps, kept: KeptStep): Promise<string> {
  const [first] = kept.inputs;
  const parent = first !== undefined && "chainID" in first ? (first.chainID ?? undefined) : undefined;
  const tree = (await deps.snapshotter.open(kept.files, parent)).view();
  const found = ["/bin/bash", "/bin/sh", "/bin/ash"].find((path) => tree.stat(path)?.kind === "file");
  if (found !== undefined) return found;
  throw new BerthError("not-found", "the step's file system has no shell", {
    hint: "`berth build shell -- COMMAND` runs a program that is there.",
  });
}

/** A program on a terminal wants to know of what kind that is. */
function withTerm(spec: OpenedStep["spec"]): OpenedStep["spec"] {
  const { process } = spec;
  if (!process.terminal || process.env.some((pair) => pair.startsWith("TERM="))) return spec;
  return { ...spec, process: { ...process, env: [...process.env, "TERM=xterm"] } };
}
