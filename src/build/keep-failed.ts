import { messageOf } from "../base/errors.ts";
import { readSettings } from "../host/settings.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import { BuildError } from "./build-error.ts";
import type { ExecDeps, FailedStep } from "./exec-op.ts";
import { insertKept, type KeptStep } from "./kept-steps.ts";
import type { OpDeps } from "./op-deps.ts";
import { pruneKept } from "./prune-kept.ts";
import { hasCredentials } from "./redact.ts";

/** Holds what the steps of one build that failed have left, until it is recorded; disposing it deletes what wasn't. */
export interface FailedSteps extends AsyncDisposable {
  readonly add: (failed: FailedStep) => void;
  /**
   * Keep what was added, and forget the oldest that are kept above as many as the settings say.
   *
   * @returns `error`, with the hint how to go on from the step
   */
  keep(error: unknown): Promise<unknown>;
}

/** What the steps of a build ran with beside what is in their graph. */
export type StepConditions = Pick<ExecDeps, "proxy" | "resources" | "security">;

/** Nothing is kept before {@link FailedSteps.keep}. */
export function openFailedSteps(deps: OpDeps, buildID: string, conditions: StepConditions): FailedSteps {
  const all: FailedStep[] = [];
  return {
    add: (failed) => void all.push(failed),
    keep: async (error) => {
      const most = all.length === 0 ? 0 : readSettings().keptBuildSteps;
      if (most === 0) return error;
      try {
        // What it lies on has to be recorded first.
        await deps.snapshotter.flush();
        const steps = all.map((failed) => ({ ...failed, kept: keptStep(failed, buildID, conditions) }));
        const recorded = await deps.db.write((sql) => steps.filter(({ kept }) => insertKept(sql, kept)));
        for (const { snapshots } of recorded) for (const snapshot of snapshots) snapshot.keep();
        await pruneKept(deps, { keep: most });
        return recorded.length === 0 ? error : hinted(error, howToGoOn);
      } catch (trouble) {
        // The failure of the step is what the user has to know of.
        return hinted(error, `What the step has left could not be kept: ${messageOf(trouble)}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const { held } of all) await held[Symbol.asyncDispose]();
    },
  };
}

const howToGoOn =
  "`berth build shell` opens the step's file system as the command left it; `berth build retry` runs the command again in it.";

function hinted(error: unknown, hint: string): unknown {
  if (!(error instanceof BuildError) || error.exitCode === undefined || error.hint !== undefined) return error;
  const { kind, message, cause, span, step, exitCode, output, source } = error;
  return new BuildError(kind, message, {
    ...{ cause, hint, exitCode, output },
    ...(span === undefined ? {} : { span }),
    ...(step === undefined ? {} : { step }),
    ...(source === undefined ? {} : { source }),
  });
}

function keptStep(
  { id, task, error, operation, snapshots }: FailedStep,
  buildID: string,
  { proxy, resources, security }: StepConditions,
): KeptStep {
  const { vertex, parent, sources } = task;
  const [files, mounts] = bySize(snapshots);
  return {
    id,
    buildID,
    created: new Date().toISOString(),
    files: files ?? "",
    ...(mounts === undefined ? {} : { mounts }),
    name: vertex.name,
    ...(vertex.span === undefined ? {} : { line: vertex.span.start }),
    ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }),
    op: vertex.op,
    ...(vertex.architecture === undefined ? {} : { architecture: vertex.architecture }),
    inputs: [
      { chainID: parent ?? null },
      ...sources
        .slice(1)
        .map(({ key, chainID }) => (key === undefined ? { context: true as const } : { chainID: chainID ?? null })),
    ],
    keys: operation.keys ?? [],
    ...(operation.latest === undefined ? {} : { latest: String(operation.latest) }),
    // A proxy's password is no more to be written down than a secret.
    proxy: proxy.filter((pair) => !hasCredentials(pair)),
    ...(resources === undefined ? {} : { resources }),
    ...(security === undefined ? {} : { security }),
  };
}

/** The key of the file system, and that of what was written below mounts, which is the longer one. */
function bySize(snapshots: readonly ActiveSnapshot[]): readonly string[] {
  return snapshots.map(({ key }) => key).toSorted((a, b) => a.length - b.length);
}
