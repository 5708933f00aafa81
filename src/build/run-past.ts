import { statSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { openMatcher } from "../dockerfile/ignore.ts";
import { type ChainID, isDigest } from "../oci/digest.ts";
import type { BuildDeps } from "./build.ts";
import { openBuildCache } from "./cache.ts";
import { ignoreOf, namedTree } from "./context.ts";
import type { CopySource } from "./copy-op.ts";
import { proxyEnv } from "./global-args.ts";
import type { ExecOp, StepMount } from "./graph.ts";
import type { PastBuild, PastStep, StepCommand, StepInputs, StepSource } from "./history/past-build.ts";
import { parseContexts } from "./named-contexts.ts";
import { directoryTree, type SourceTree } from "./source-tree.ts";
import { mountKeys } from "./step-mounts.ts";
import { inStep, runAttached, type StepShellOptions, shellOf, storedSource } from "./step-shell.ts";

/** A `RUN` of a build that is recorded. */
export interface PastRun {
  readonly build: PastBuild;
  readonly step: PastStep;
}

/** How a command runs in a step that is recorded. */
export interface PastShellOptions extends StepShellOptions {
  /** In what the step came to; in what it began with when false or absent. */
  readonly after?: boolean;
}

/**
 * Run a command on this process's standard streams in the file system that a step of an earlier build began with, with all that the step
 * ran with. What it writes there is gone when it ends.
 *
 * @returns its exit code
 * @throws {BerthError} failed-precondition, for a step that runs no command or wasn't reached, and where what it began with isn't in the
 *   store any more; not-found, when there is no shell
 */
export async function shellInPast(deps: BuildDeps, past: PastRun, options: PastShellOptions): Promise<number> {
  const { build, step } = past;
  const { command, inputs } = recorded(step);
  for (const name of command.withheld ?? []) options.onMissing(notKept(name));
  await using held = new AsyncDisposableStack();
  const parent = options.after === true ? resultOf(deps, past, inputs) : chainOf(inputs.sources[0]);
  for (const chainID of [parent, ...inputs.sources.map(chainOf)])
    if (chainID !== undefined && deps.snapshotter.find(chainID) === undefined) throw pruned(step);
  const { mounts, sources } = await openMounts(deps, past, { command, inputs, options });
  const prepare = async (above: ChainID | undefined, init?: (directory: string) => void) =>
    held.use(await deps.snapshotter.prepare(`build-${randomID()}`, above, init === undefined ? {} : { init }));
  // What lies below an active snapshot isn't pruned.
  for (const { chainID } of sources) if (chainID !== undefined) await prepare(chainID);
  const scratch = prepare(undefined);
  const places = { files: (init: (directory: string) => void) => prepare(parent, init), mounts: () => scratch };
  const args = options.args.length > 0 ? options.args : [shellOf(deps.snapshotter.view(parent))];
  const { resources, security } = build.asked ?? {};
  const earlier = {
    op: { ...command.op, kind: "exec", args, mounts } as const,
    ...{ parent, sources, proxy: proxiesOf(build) },
    ...(command.architecture === undefined ? {} : { architecture: command.architecture }),
    ...(resources === undefined ? {} : { resources }),
    ...(security === undefined ? {} : { security }),
  };
  return await inStep(deps, earlier, { ...options, args, places }, (opened) =>
    runAttached(deps, opened.step, options.signal),
  );
}

function recorded({ name, op, command, inputs }: PastStep): {
  readonly command: StepCommand;
  readonly inputs: StepInputs;
} {
  if (op !== "exec")
    throw new BerthError("failed-precondition", `${name} runs no command`, {
      hint: "A shell opens RUN steps: name the next one, which begins with what this one made.",
    });
  if (inputs === undefined)
    throw new BerthError("failed-precondition", `${name} was not reached`, {
      hint: "What it would have begun with was never made.",
    });
  if (command === undefined)
    throw new BerthError("failed-precondition", `the record of ${name} doesn't say what it ran with`, {
      hint: "It is longer than what is kept, or of an older version: build again.",
    });
  return { command, inputs };
}

function notKept(name: string): BerthError {
  return new BerthError("not-found", `the value of ${name} isn't kept`, { hint: "It isn't set here." });
}

function pruned({ name }: PastStep): BerthError {
  return new BerthError("failed-precondition", `layers that ${name} stood on are not in the store`, {
    hint: "They were pruned, or never fetched, as what stands on them was there: `berth build --no-cache` makes them again.",
  });
}

function chainOf(source: StepSource | undefined): ChainID | undefined {
  return source?.result != null && isDigest(source.result) ? source.result : undefined;
}

/** What a step came to: as the steps after it saw it, or else as the cache has it. */
function resultOf(deps: BuildDeps, { build, step }: PastRun, { key }: StepInputs): ChainID | undefined {
  const next = build.recorded
    .flatMap(({ inputs }) => inputs?.sources ?? [])
    .find(({ vertex }) => vertex === step.vertex);
  if (next !== undefined) return chainOf(next);
  const isHere = (chainID: ChainID): boolean => deps.snapshotter.find(chainID) !== undefined;
  const found = key === undefined ? undefined : openBuildCache(deps.db, isHere).find(key);
  if (found !== undefined) return found.chainID;
  throw new BerthError("failed-precondition", `what ${step.name} came to is not in the cache`, {
    hint: "The step failed, or its result was pruned; without --after the shell opens what it began with.",
  });
}

/** A proxy whose address has a password in it is not among what is kept. */
function proxiesOf({ buildArgs, asked }: PastBuild): readonly string[] {
  const withheld = new Set((asked?.withheld ?? []).flatMap(({ flag, name }) => (flag === "build-arg" ? [name] : [])));
  return proxyEnv(new Map(Object.entries(buildArgs).filter(([name]) => !withheld.has(name))));
}

interface Mounting {
  readonly command: StepCommand;
  readonly inputs: StepInputs;
  readonly options: PastShellOptions;
}

/** What a step read. A context isn't kept: what is in its directory now is shown, and said not to be the same where it isn't. */
async function openMounts(
  deps: BuildDeps,
  { build }: PastRun,
  { command: { op }, inputs, options }: Mounting,
): Promise<{ readonly mounts: readonly StepMount[]; readonly sources: readonly CopySource[] }> {
  const sources = inputs.sources.map((source): CopySource => {
    if (source.context === undefined) return storedSource(deps, chainOf(source) ?? null);
    const tree = contextTree(build, source.context);
    return { tree: tree ?? deps.snapshotter.view(undefined), key: undefined, owner: { uid: 0, gid: 0 } };
  });
  const mounts: StepMount[] = [];
  for (const mount of op.mounts) {
    const context = mount.type === "bind" ? inputs.sources[mount.input]?.context : undefined;
    if (mount.type !== "bind" || context === undefined) {
      mounts.push(mount);
      continue;
    }
    const seen = inputs.files.find((files) => files.mount === mount.target)?.key;
    const now = contextTree(build, context) === undefined ? undefined : await keyNow(deps, { op, mount, sources });
    if (now !== seen) options.onMissing(otherFiles(mount.target, now !== undefined));
    if (now !== undefined) mounts.push(mount);
  }
  return { mounts, sources };
}

function otherFiles(target: string, isThere: boolean): BerthError {
  return isThere
    ? new BerthError("not-found", `the context has other files now than the step saw at ${target}`, {
        hint: "Those of now are there.",
      })
    : new BerthError("not-found", `what the step saw of the context at ${target} isn't there any more`, {
        hint: "Nothing is mounted there.",
      });
}

/** What names the files that a mount shows now; undefined where they are gone. */
async function keyNow(
  deps: BuildDeps,
  {
    op,
    mount,
    sources,
  }: { readonly op: StepCommand["op"]; readonly mount: StepMount; readonly sources: readonly CopySource[] },
): Promise<string | undefined> {
  const only: ExecOp = { ...op, kind: "exec", args: [], mounts: [mount] };
  try {
    const [key] = await mountKeys(deps, { op: only, sources }, () => undefined);
    return key;
  } catch (error) {
    if (error instanceof BerthError && error.kind === "not-found") return undefined;
    throw error;
  }
}

/** The tree of a context, if it is a directory that is there still. @param name empty for the build's own */
function contextTree({ asked = {} }: PastBuild, name: string): SourceTree | undefined {
  const { context, dockerfile, contexts = {} } = asked;
  if (name !== "") {
    const directories = Object.fromEntries(Object.entries(contexts).filter(([, place]) => isDirectory(place)));
    const found = parseContexts(directories).get(name);
    return found?.kind === "local" ? namedTree(found.directory) : undefined;
  }
  if (context === undefined || !isDirectory(context)) return undefined;
  return directoryTree(context, openMatcher(ignoreOf(context, dockerfile)));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
