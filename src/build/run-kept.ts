import { BerthError } from "../base/errors.ts";
import type { Lock } from "../host/lock.ts";
import { digestOf } from "../oci/digest.ts";
import type { BuildDeps } from "./build.ts";
import { openBuildCache } from "./cache.ts";
import type { CopySource } from "./copy-op.ts";
import { runBundle, type StepOptions } from "./exec-op.ts";
import { deleteKept, type KeptInput, type KeptStep } from "./kept-steps.ts";
import { tryLockKept } from "./prune-kept.ts";
import {
  inStep,
  type OpenedEarlier,
  runAttached,
  type StepRunOptions,
  type StepShellOptions,
  shellOf,
  storedSource,
} from "./step-shell.ts";

/**
 * Run a command on this process's standard streams in the file system that a step has left, with all that the step ran with.
 * What it writes stays.
 *
 * @returns its exit code
 * @throws {BerthError} conflict, while somebody else is in the step; not-found, when it has no shell
 */
export async function shellInKept(deps: BuildDeps, kept: KeptStep, options: StepShellOptions): Promise<number> {
  const args = options.args.length > 0 ? options.args : [await keptShell(deps, kept)];
  return await inKept(deps, kept, { ...options, args }, ({ step }) => runAttached(deps, step, options.signal));
}

/**
 * Run a step's own command again in the file system that it has left, and record what that comes to as the step's result: the next
 * build goes on from there.
 *
 * @throws {BuildError} when it fails again: what it has left stays
 * @throws {BerthError} as {@link shellInKept}; not-found, for a secret that isn't given
 */
export async function retryKept(deps: BuildDeps, kept: KeptStep, options: StepRunOptions): Promise<void> {
  const { op, architecture } = kept;
  const vertex = { digest: digestOf(kept.id), op, ...(architecture === undefined ? {} : { architecture }) };
  await inKept(deps, kept, options, async ({ step, emulators }) => {
    await runBundle({ ...deps, emulators }, { vertex, step }, options);
    const latest = kept.latest === undefined ? {} : { latest: BigInt(kept.latest) };
    const { chainID } = await step.snapshot.commit({ ...options, ...latest, mounted: true });
    await deps.snapshotter.flush();
    const created = new Date().toISOString();
    const name = `${kept.name} (retried)`;
    await openBuildCache(deps.db, () => true).save(kept.keys.map((key) => ({ key, chainID, created, name })));
    await deps.db.write((sql) => deleteKept(sql, kept.id));
    if (kept.mounts !== undefined) await deps.snapshotter.remove(kept.mounts);
    await deps.snapshotter.referred([chainID]);
  });
}

async function inKept<T>(
  deps: BuildDeps,
  kept: KeptStep,
  options: StepRunOptions & Omit<StepOptions, "places">,
  body: (opened: OpenedEarlier) => Promise<T>,
): Promise<T> {
  using _lock = lockKept(deps, kept);
  const parent = parentOf(kept);
  const sources = kept.inputs.map((input) => sourceOf(deps, input));
  const places = {
    files: () => deps.snapshotter.open(kept.files, parent),
    mounts: () => deps.snapshotter.open(kept.mounts ?? "", undefined),
  };
  return await inStep(deps, { ...kept, parent, sources }, { ...options, places }, body);
}

function parentOf({ inputs: [first] }: KeptStep): CopySource["chainID"] {
  return first !== undefined && "chainID" in first ? (first.chainID ?? undefined) : undefined;
}

function lockKept(deps: BuildDeps, kept: KeptStep): Lock {
  const lock = tryLockKept(deps.host, kept);
  if (lock !== undefined) return lock;
  throw new BerthError("conflict", `the failed step ${kept.name} is open in another shell, or was just removed`);
}

/** A context isn't kept: what its mounts show was copied when the step ran. */
function sourceOf(deps: BuildDeps, input: KeptInput): CopySource {
  if ("context" in input) return { tree: deps.snapshotter.view(undefined), key: undefined };
  return storedSource(deps, input.chainID);
}

async function keptShell(deps: BuildDeps, kept: KeptStep): Promise<string> {
  return shellOf((await deps.snapshotter.open(kept.files, parentOf(kept))).view());
}
