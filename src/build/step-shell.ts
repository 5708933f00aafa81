import { basename, join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type Emulators, openEmulators } from "../host/emulators.ts";
import type { ChainID } from "../oci/digest.ts";
import { createBundle } from "../runtime/bundle.ts";
import type { WindowSize } from "../runtime/window-size.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { BuildDeps } from "./build.ts";
import type { CopySource } from "./copy-op.ts";
import { type ExecDeps, type OpenedStep, openStep, type StepOptions } from "./exec-op.ts";
import type { ExecOp } from "./graph.ts";
import type { SshSource } from "./ssh-agent.ts";
import { deviceRegistry } from "./step-devices.ts";
import { openStepNetworks } from "./step-network.ts";

/** How a command runs in a step of an earlier build. */
export interface StepRunOptions extends Operation {
  readonly signal: AbortSignal;
  /** By id: none is kept. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Agents for `RUN --mount=type=ssh`. */
  readonly ssh?: readonly SshSource[];
}

/** A command in place of the step's own. */
export interface StepShellOptions extends StepRunOptions {
  /** A shell of the step's file system when empty. */
  readonly args: readonly string[];
  /** The command gets a terminal. */
  readonly terminal: boolean;
  readonly windowSize?: WindowSize;
  /** Told of each thing that the step has to have and that isn't given: the command has none then. */
  readonly onMissing: (error: BerthError) => void;
}

/** A step of an earlier build, and what it ran with. */
export interface EarlierStep extends Pick<ExecDeps, "proxy" | "resources" | "security"> {
  readonly op: ExecOp;
  /** Of its programs, where that isn't this machine's. */
  readonly architecture?: string;
  readonly parent: ChainID | undefined;
  readonly sources: readonly CopySource[];
}

/** A step that is open, and what runs other machines' programs in it. */
export interface OpenedEarlier {
  readonly emulators: Emulators;
  readonly step: OpenedStep;
}

/** Open a step again for as long as something runs in it. */
export async function inStep<T>(
  deps: BuildDeps,
  { proxy, resources, security, architecture, ...inputs }: EarlierStep,
  options: StepRunOptions & StepOptions,
  body: (opened: OpenedEarlier) => Promise<T>,
): Promise<T> {
  await using stepNetworks = openStepNetworks(deps);
  await using emulators = openEmulators();
  const agents = options.ssh === undefined ? {} : { agents: (await import("./ssh-agent.ts")).openAgents(options.ssh) };
  const execDeps: ExecDeps = {
    ...deps,
    stepNetworks,
    emulators,
    registry: deviceRegistry(),
    ...agents,
    proxy,
    secrets: options.secrets,
    ...(resources === undefined ? {} : { resources }),
    ...(security === undefined ? {} : { security }),
  };
  await using step = await openStep(execDeps, inputs, options);
  if (architecture !== undefined) await emulators.ensure(architecture);
  return await body({ emulators, step });
}

/** Run what an open step was opened for on this process's standard streams. @returns its exit code */
export async function runAttached(deps: BuildDeps, step: OpenedStep, signal: AbortSignal): Promise<number> {
  const { spec, snapshot, directory } = step;
  const id = basename(directory);
  const content = { id, spec: withTerm(spec), rootfs: snapshot.mounts(), host: deps.host };
  await using bundle = await createBundle(join(directory, "bundle"), content);
  return await deps.runtime.runAttached(id, bundle, { signal });
}

/** A file system of the store to mount from. */
export function storedSource(deps: Pick<BuildDeps, "snapshotter">, chainID: ChainID | null): CopySource {
  const tree = deps.snapshotter.view(chainID ?? undefined);
  return chainID === null ? { tree, key: "scratch" } : { tree, key: chainID, chainID };
}

/** The shell that a file system has. @throws {BerthError} not-found */
export function shellOf(tree: MergedTree): string {
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
