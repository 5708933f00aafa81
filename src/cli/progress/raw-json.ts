import type { ProgressEvent } from "../../base/operation.ts";
import type { ProgressDisplay } from "./display.ts";

/** What {@link rawJSONProgress} needs. */
export interface RawJSONOptions {
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly time: () => number;
}

/**
 * Progress for programs: each event as a line of JSON, in the form of BuildKit's `SolveStatus`.
 *
 * @see BuildKit, client/graph.go
 */
export function rawJSONProgress({ write, time }: RawJSONOptions): ProgressDisplay {
  /** When each step began, milliseconds since the epoch. */
  const begun = new Map<string, number>();
  return {
    report: (event) => write(`${JSON.stringify(statusOf(event, { begun, now: time() }))}\n`),
    [Symbol.dispose]: () => undefined,
  };
}

interface Clock {
  readonly begun: Map<string, number>;
  readonly now: number;
}

function statusOf(event: ProgressEvent, clock: Clock): object {
  const timestamp = new Date(clock.now).toISOString();
  switch (event.kind) {
    case "step":
      return { vertexes: [vertexOf(event, clock)] };
    case "output": {
      const data = Buffer.from(event.data).toString("base64");
      const stream = event.stream === "stdout" ? 1 : 2;
      return { logs: [{ vertex: event.id, stream, data, timestamp }] };
    }
    case "bytes": {
      const { id: vertex, name: id, current, total } = event;
      const completed = current === total ? { completed: timestamp } : {};
      const progress = { ...(total === undefined ? {} : { total }), current };
      return { statuses: [{ id, vertex, ...progress, timestamp, started: startOf(vertex, clock), ...completed }] };
    }
    case "status": {
      const { id: vertex, name: id, duration } = event;
      const started = new Date(clock.now - duration).toISOString();
      return { statuses: [{ id, vertex, current: 0, timestamp, started, completed: timestamp }] };
    }
    case "warning":
      return { warnings: [{ vertex: event.id, level: 1, short: Buffer.from(event.message).toString("base64") }] };
    default:
      return event satisfies never;
  }
}

function vertexOf(event: Extract<ProgressEvent, { readonly kind: "step" }>, clock: Clock): object {
  const { id, name, status, error, inputs } = event;
  if (status === "started") clock.begun.set(id, clock.now);
  const named = { digest: id, ...(inputs === undefined || inputs.length === 0 ? {} : { inputs }), name };
  if (status === "started") return { ...named, started: startOf(id, clock) };
  return {
    ...named,
    started: startOf(id, clock),
    completed: new Date(clock.now).toISOString(),
    ...(status === "cached" ? { cached: true } : {}),
    ...(status === "canceled" ? { error: "context canceled" } : {}),
    ...(status === "failed" ? { error: error ?? "" } : {}),
  };
}

function startOf(id: string, { begun, now }: Clock): string {
  return new Date(begun.get(id) ?? now).toISOString();
}
