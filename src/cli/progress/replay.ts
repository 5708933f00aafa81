import type { ProgressEvent } from "../../base/operation.ts";
import type { LoggedEvent, PastBuild, PastStep } from "../engine-types.ts";

/** What an earlier build told, as it told it: see {@link replay}. */
interface TimedEvent {
  /** Milliseconds since the build began. */
  readonly at: number;
  readonly event: ProgressEvent;
}

/**
 * Everything that an earlier build told, in order.
 *
 * @param log what its steps wrote; how they went is in its record
 */
export function replay({ recorded }: Pick<PastBuild, "recorded">, log: readonly LoggedEvent[]): readonly TimedEvent[] {
  const told = new Set(recorded.map(({ vertex }) => vertex));
  const starts = recorded.flatMap((step) => startOf(step, told));
  const ends = recorded.flatMap((step) => endOf(step, told));
  // A step's end comes behind what it wrote at that moment.
  return [...starts, ...log, ...ends].toSorted((a, b) => a.at - b.at);
}

function startOf(step: PastStep, told: ReadonlySet<string>): readonly TimedEvent[] {
  const { started, duration } = step;
  if (started === undefined || duration === undefined) return [];
  return [{ at: started, event: { ...named(step, told), status: "started" } }];
}

function endOf(step: PastStep, told: ReadonlySet<string>): readonly TimedEvent[] {
  const { outcome, started, duration = 0, error } = step;
  if (outcome === "skipped" || started === undefined) return [];
  const status = outcome === "ran" ? "done" : outcome;
  const why = error === undefined ? {} : { error };
  return [{ at: started + duration, event: { ...named(step, told), status, duration, ...why } }];
}

function named({ vertex: id, name, inputs }: PastStep, told: ReadonlySet<string>) {
  const read = inputs?.sources.map(({ vertex }) => vertex).filter((vertex) => told.has(vertex));
  return { kind: "step", id, name, ...(read === undefined ? {} : { inputs: read }) } as const;
}
