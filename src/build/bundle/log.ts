import type { LoggedEvent } from "../history/build-log.ts";
import type { PastBuild, PastStep } from "../history/past-build.ts";
import { decodeStatuses, encodeStatus, type SolveStatus, type VertexStatus } from "./solve-status.ts";

/** What a build's steps did and told, as BuildKit writes it down. */
export function encodeLog({ started, recorded }: PastBuild, log: readonly LoggedEvent[]): Buffer {
  const known = recorded.map((step) => vertexOf(step, started));
  const begun = known.filter(({ started: at }) => at !== undefined);
  const first = known.map(({ digest, inputs, name }) => ({ digest, inputs, name, cached: false, error: "" }));
  const running = begun.map(({ completed: _end, ...vertex }) => ({ ...vertex, cached: false, error: "" }));
  const told = log.map(({ at, event }) => statusOf(event, started + at));
  return Buffer.concat([{ vertexes: first }, { vertexes: running }, ...told, { vertexes: begun }].map(encoded));
}

function encoded(status: Partial<SolveStatus>): Buffer {
  return encodeStatus({ vertexes: [], statuses: [], logs: [], warnings: [], ...status });
}

function vertexOf({ vertex, name, inputs, started, duration, outcome, error }: PastStep, begin: number): VertexStatus {
  const failed = outcome === "canceled" ? "context canceled" : outcome === "failed" ? (error ?? "failed") : "";
  return {
    digest: vertex,
    inputs: inputs?.sources.map((source) => source.vertex) ?? [],
    name,
    cached: outcome === "cached",
    ...(started === undefined ? {} : { started: begin + started, completed: begin + started + (duration ?? 0) }),
    error: failed,
  };
}

function statusOf(event: LoggedEvent["event"], timestamp: number): Partial<SolveStatus> {
  const { id: vertex } = event;
  switch (event.kind) {
    case "output":
      return { logs: [{ vertex, timestamp, stream: event.stream, data: Buffer.from(event.data) }] };
    case "warning":
      return { warnings: [{ vertex, message: event.message }] };
    case "status": {
      const times = { timestamp, started: timestamp - event.duration, completed: timestamp };
      return { statuses: [{ id: event.name, vertex, current: 0, total: 0, ...times }] };
    }
    case "bytes": {
      const { current, total = 0 } = event;
      const ended = current === total ? { completed: timestamp } : {};
      return { statuses: [{ id: event.name, vertex, current, total, timestamp, started: timestamp, ...ended }] };
    }
    default:
      return event satisfies never;
  }
}

/** What a log of BuildKit tells of a build. */
export interface DecodedLog {
  readonly recorded: readonly PastStep[];
  readonly events: readonly LoggedEvent[];
}

/** Read a log. @param begin of the build, milliseconds since the epoch @throws {BerthError} invalid-argument, for what is none */
export function decodeLog(bytes: Buffer, begin: number): DecodedLog {
  const steps = new Map<string, VertexStatus>();
  const events: LoggedEvent[] = [];
  for (const status of decodeStatuses(bytes)) {
    // Of a step that did several things one after the other, the first begin counts and the last end.
    for (const vertex of status.vertexes)
      steps.set(vertex.digest, { ...vertex, ...startOf(steps.get(vertex.digest), vertex) });
    events.push(...eventsOf(status, begin, events.at(-1)?.at ?? 0));
  }
  const recorded = [...steps.values()].map((vertex) => stepOf(vertex, begin));
  return { recorded: recorded.toSorted(byStart), events };
}

/** @param last the time of what was told before: warnings have none */
function* eventsOf({ statuses, logs, warnings }: SolveStatus, begin: number, last: number): Generator<LoggedEvent> {
  for (const { vertex: id, timestamp, stream, data } of logs)
    yield { at: timestamp - begin, event: { kind: "output", id, stream, data } };
  for (const { id: name, vertex: id, current, started, completed } of statuses) {
    if (started === undefined || completed === undefined) continue;
    const at = completed - begin;
    if (current > 0) yield { at, event: { kind: "bytes", id, name, current, total: current } };
    else yield { at, event: { kind: "status", id, name, duration: completed - started } };
  }
  for (const { vertex: id, message } of warnings) yield { at: last, event: { kind: "warning", id, message } };
}

/** What was skipped comes last. */
function byStart(a: PastStep, b: PastStep): number {
  const [first, second] = [a.started ?? Infinity, b.started ?? Infinity];
  return first === second ? 0 : first - second;
}

function startOf(before: VertexStatus | undefined, now: VertexStatus): Pick<VertexStatus, "started"> {
  const started = before?.started ?? now.started;
  return started === undefined ? {} : { started };
}

function stepOf({ digest, name, cached, started, completed, error }: VertexStatus, begin: number): PastStep {
  const step = { vertex: digest, name };
  if (started === undefined || completed === undefined) return { ...step, outcome: "skipped" };
  const times = { started: tenths(started - begin), duration: tenths(completed - started) };
  if (error !== "")
    return { ...step, ...times, outcome: error.includes("context canceled") ? "canceled" : "failed", error };
  // What is cached takes no time.
  return cached ? { ...step, started: times.started, outcome: "cached" } : { ...step, ...times, outcome: "ran" };
}

/** Milliseconds as records have them. */
function tenths(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds * 10) / 10);
}
