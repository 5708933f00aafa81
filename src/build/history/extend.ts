import { isKind } from "../../base/errors.ts";
import type { ProgressEvent } from "../../base/operation.ts";
import type { Database } from "../../metadata/database.ts";
import { readBuild, replaceBuild } from "./history.ts";
import type { PastBuild, PastStep } from "./past-build.ts";
import { StepRecorder } from "./step-recorder.ts";
import { unlessFull } from "./unless-full.ts";

/** Something that was told of a build after it had ended. */
export interface LaterEvent {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly event: ProgressEvent;
}

/** Add steps that came after a build: exports and pushes. What can't be written is left out, as for a build itself. */
export async function extendBuild(db: Database, id: string, events: readonly LaterEvent[]): Promise<void> {
  const build = buildOrNothing(db, id);
  if (build === undefined) return;
  const steps = new StepRecorder();
  for (const { time, event } of events) if (event.kind === "step") steps.add(event, time - build.started);
  await unlessFull(() => replaceBuild(db, extended(build, steps.all())));
}

function buildOrNothing(db: Database, id: string): PastBuild | undefined {
  try {
    return readBuild(db, id);
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}

function extended(build: PastBuild, steps: readonly PastStep[]): PastBuild {
  const failed = steps.find(({ outcome }) => outcome === "failed");
  const ran = steps.filter(({ outcome }) => outcome === "ran").length;
  const { total, completed, cached } = build.steps;
  const ends = steps.map(({ started = 0, duration = 0 }) => Math.round(started + duration));
  return {
    ...build,
    duration: Math.max(build.duration, ...ends),
    steps: { total: total + steps.length, completed: completed + ran, cached },
    recorded: [...build.recorded, ...steps],
    ...(failed === undefined ? {} : { status: "error", error: failed.error ?? failed.name }),
  };
}
