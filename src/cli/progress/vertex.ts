import type { ProgressEvent, StepStatus } from "../../base/operation.ts";

/** How many lines of output are kept for the report of a failure. */
const keptLines = 10;

/** Longest line of output that is kept together, in characters. */
const longestLine = 64 << 10;

/** One step as it is known so far. */
export interface Vertex {
  /** Number in the order in which steps were heard of, from 1. */
  readonly index: number;
  readonly name: string;
  /** Milliseconds of the display's clock. */
  readonly startedAt: number;
  status: StepStatus;
  /** Milliseconds; known at the end. */
  duration: number;
  error: string | undefined;
  /** The last whole lines of its output, with the seconds since its start in front. */
  readonly tail: string[];
  /** Output behind the last line feed. */
  partial: string;
}

/** The steps of an operation, in the order in which they were heard of. */
export type Vertices = ReadonlyMap<string, Vertex>;

/** Collects what is told of steps. */
export interface Trace {
  readonly vertices: Vertices;
  /** Take an event in. @returns the lines that it adds to its step's output */
  add(event: ProgressEvent): readonly string[];
}

/** Begin with no steps. @param now milliseconds, monotonic */
export function openTrace(now: () => number): Trace {
  const vertices = new Map<string, Vertex>();
  const decoder = new TextDecoder();
  const vertexOf = (id: string, name: string): Vertex => {
    const known = vertices.get(id);
    if (known !== undefined) return known;
    const vertex: Vertex = {
      index: vertices.size + 1,
      name,
      startedAt: now(),
      status: "started",
      duration: 0,
      error: undefined,
      tail: [],
      partial: "",
    };
    vertices.set(id, vertex);
    return vertex;
  };
  const addLines = (vertex: Vertex, text: string): readonly string[] => {
    const pieces = (vertex.partial + text).split(/\r?\n/);
    const partial = pieces.pop() ?? "";
    const cut = partial.length > longestLine;
    vertex.partial = cut ? "" : partial;
    const seconds = ((now() - vertex.startedAt) / 1000).toFixed(3);
    const lines = (cut ? [...pieces, partial] : pieces).map((line) => `${seconds} ${shownLine(line)}`);
    vertex.tail.push(...lines);
    vertex.tail.splice(0, vertex.tail.length - keptLines);
    return lines;
  };
  return {
    vertices,
    add: (event) => {
      if (event.kind === "warning") return [];
      const vertex = vertexOf(event.id, "name" in event ? event.name : event.id);
      if (event.kind === "output") return addLines(vertex, decoder.decode(event.data));
      if (event.kind !== "step") return [];
      vertex.status = event.status;
      vertex.duration = event.duration ?? 0;
      vertex.error = event.error;
      return event.status === "started" || vertex.partial === "" ? [] : addLines(vertex, "\n");
    },
  };
}

/** What a terminal would show of a line: what stands behind the last carriage return, without control sequences. */
function shownLine(line: string): string {
  const visible = line.slice(line.lastIndexOf("\r", line.length - 2) + 1);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  return visible.replace(/\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b[^[]/g, "").replace(/\r$/, "");
}

/** Whether a step has ended. */
export function hasEnded({ status }: Pick<Vertex, "status">): boolean {
  return status !== "started";
}
