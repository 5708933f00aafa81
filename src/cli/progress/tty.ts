import type { DisplayOptions, ProgressDisplay } from "./display.ts";
import { hasEnded, openTrace, type Vertex } from "./vertex.ts";

/** Milliseconds between two pictures, so that a busy build doesn't spend its time on painting. */
const pause = 100;

/** Lines of output shown below a step that runs. */
const outputLines = 6;

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";
const clearLine = "\x1b[2K";

/** What {@link ttyProgress} needs beside the terminal. */
export interface TtyOptions extends DisplayOptions {
  readonly size: () => { readonly rows: number; readonly columns: number };
  readonly colour: boolean;
}

/** Progress as a picture on a terminal that is painted over: one line per step, and the last output of those that run. */
export function ttyProgress({ write, now, size, colour }: TtyOptions): ProgressDisplay {
  const trace = openTrace(now);
  const begin = now();
  let painted = 0;
  let lastPaint = Number.NEGATIVE_INFINITY;
  const paint = (final: boolean): void => {
    const { rows, columns } = size();
    const lines = picture([...trace.vertices.values()], { columns, colour, final, elapsed: now() - begin, now: now() });
    // What has scrolled out of the window can't be painted over.
    const shown = final ? lines : [...lines.slice(0, 1), ...lines.slice(1).slice(-(rows - 2))];
    const back = painted > 0 ? `\x1b[${painted}A` : hideCursor;
    const rest = Math.max(0, painted - shown.length);
    const text = shown.map((line) => `${clearLine}${line}\n`).join("");
    write(`${back}${text}${`${clearLine}\n`.repeat(rest)}${rest > 0 ? `\x1b[${rest}A` : ""}`);
    painted = shown.length;
    lastPaint = now();
  };
  // Times go on while nothing is told.
  const timer = setInterval(() => paint(false), 2 * pause);
  timer.unref();
  return {
    report: (event) => {
      trace.add(event);
      if (now() - lastPaint >= pause) paint(false);
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      paint(true);
      write(showCursor);
    },
  };
}

interface Picture {
  readonly columns: number;
  readonly colour: boolean;
  /** The last one: nothing runs any more. */
  readonly final: boolean;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  readonly now: number;
}

function picture(vertices: readonly Vertex[], options: Picture): readonly string[] {
  const ended = vertices.filter(hasEnded).length;
  const finished = options.final && ended === vertices.length ? " FINISHED" : "";
  const head = `[+] Building ${(options.elapsed / 1000).toFixed(1)}s (${ended}/${vertices.length})${finished}`;
  return [head, ...vertices.flatMap((vertex) => rowsOf(vertex, options))];
}

function rowsOf(vertex: Vertex, { columns, colour, now, final }: Picture): readonly string[] {
  const running = !hasEnded(vertex);
  const time = `${((running ? now - vertex.startedAt : vertex.duration) / 1000).toFixed(1)}s`;
  const room = columns - time.length - 2;
  const text = `${prefixOf(vertex)}${vertex.name}`;
  const line = `${text.length > room ? `${text.slice(0, room - 3)}...` : text.padEnd(room)} ${time}`;
  const output = running && !final ? vertex.tail.slice(-outputLines) : [];
  const below = output.map((each) => ` => => # ${each.slice(each.indexOf(" ") + 1)}`.slice(0, columns - 1));
  return [colour ? coloured(line, vertex) : line, ...below];
}

function prefixOf({ status }: Vertex): string {
  switch (status) {
    case "cached":
      return " => CACHED ";
    case "failed":
      return " => ERROR ";
    case "canceled":
      return " => CANCELED ";
    case "started":
    case "done":
      return " => ";
    default:
      return status satisfies never;
  }
}

function coloured(line: string, { status }: Vertex): string {
  if (status === "started") return line;
  const colour = status === "failed" ? "31" : status === "canceled" ? "33" : "34";
  return `\x1b[${colour}m${line}\x1b[0m`;
}
