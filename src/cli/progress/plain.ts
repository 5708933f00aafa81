import { humanSize } from "../../base/human-size.ts";
import type { ProgressEvent } from "../../base/operation.ts";
import type { DisplayOptions, ProgressDisplay } from "./display.ts";
import { hasEnded, openTrace, type Vertex } from "./vertex.ts";

/** How long one running step may hold back the lines of the others, milliseconds. */
const patience = 5_000;

/**
 * Progress as lines, in the form of BuildKit's plain output: `#5 [2/4] WORKDIR /app`, `#5 DONE 0.1s`.
 * The lines of one step stay together: other steps' wait until it ends, or has run for five seconds.
 */
export function plainProgress({ write, now }: DisplayOptions): ProgressDisplay {
  const trace = openTrace(now);
  const waiting = new Map<string, string[]>();
  let current: { readonly id: string; readonly since: number } | undefined;
  let first = true;

  const switchTo = (id: string, vertex: Vertex): void => {
    const left = current === undefined ? undefined : trace.vertices.get(current.id);
    if (left !== undefined) write(`#${left.index} ...\n`);
    write(`${first ? "" : "\n"}#${vertex.index} ${vertex.name}\n`);
    first = false;
    current = { id, since: now() };
  };
  const flush = (id: string, vertex: Vertex): void => {
    if (current?.id !== id) switchTo(id, vertex);
    for (const line of waiting.get(id) ?? []) write(`#${vertex.index} ${line}\n`);
    waiting.delete(id);
    if (hasEnded(vertex)) current = undefined;
  };
  const flushOldest = (): void => {
    const [id] = waiting.keys();
    const vertex = id === undefined ? undefined : trace.vertices.get(id);
    if (id !== undefined && vertex !== undefined) flush(id, vertex);
  };
  return {
    report: (event) => {
      const lines = [...trace.add(event), ...linesOf(event)];
      const vertex = trace.vertices.get(event.id);
      if (vertex === undefined) return;
      waiting.set(event.id, [...(waiting.get(event.id) ?? []), ...lines]);
      const free = current === undefined || current.id === event.id || now() - current.since > patience;
      if (free || hasEnded(vertex)) flush(event.id, vertex);
      if (current === undefined) flushOldest();
    },
    [Symbol.dispose]: () => {
      while (waiting.size > 0) flushOldest();
    },
  };
}

/** What an event says beside its step's output. */
function linesOf(event: ProgressEvent): readonly string[] {
  switch (event.kind) {
    case "output":
      return [];
    case "warning":
      return [`WARN: ${event.message}`];
    case "bytes":
      return event.current === event.total
        ? [`${event.name} ${humanSize(event.current, 3)} / ${humanSize(event.total, 3)} done`]
        : [];
    case "status":
      return [`${event.name} ${(event.duration / 1000).toFixed(1)}s done`];
    case "step":
      return endOf(event);
    default:
      return event satisfies never;
  }
}

function endOf({
  status,
  duration = 0,
  error = "",
}: Extract<ProgressEvent, { readonly kind: "step" }>): readonly string[] {
  switch (status) {
    case "started":
      return [];
    case "cached":
      return ["CACHED"];
    case "done":
      return [`DONE ${(duration / 1000).toFixed(1)}s`];
    case "failed":
      return [`ERROR: ${error}`];
    case "canceled":
      return ["CANCELED"];
    default:
      return status satisfies never;
  }
}
