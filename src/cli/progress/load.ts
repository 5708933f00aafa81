import type { ProgressEvent } from "../../base/operation.ts";
import type { Output } from "../terminal/terminal.ts";
import { byteBar } from "./bar.ts";

/** Shows how far each layer is. */
export interface LoadProgress extends Disposable {
  readonly report: (event: ProgressEvent) => void;
  /** Nothing more comes for now: other lines follow. */
  end(): void;
}

/** Least time between two drawings, milliseconds. */
const pause = 100;

/** A line for each layer on a terminal, as Docker draws it; warnings everywhere. */
export function loadProgress(
  stdout: Output,
  { quiet, now = Date.now }: { readonly quiet: boolean; readonly now?: () => number },
): LoadProgress {
  const silent = quiet || stdout.isTTY !== true;
  /** When each line was drawn, by its layer, the top one first. */
  const drawn = new Map<string, number>();
  const end = (): void => {
    if (drawn.size > 0) stdout.write("\n");
    drawn.clear();
  };
  const report = (event: ProgressEvent): void => {
    if (silent || event.kind !== "bytes") return;
    const whole = event.current === event.total;
    const last = drawn.get(event.id);
    if (last !== undefined && !whole && now() - last < pause) return;
    if (last === undefined && drawn.size > 0) stdout.write("\n");
    drawn.set(event.id, now());
    // Layers are unpacked side by side: the line may not be the last one.
    const up = drawn.size - 1 - [...drawn.keys()].indexOf(event.id);
    const [there, back] = up === 0 ? ["", ""] : [`\x1b[${up}A`, `\x1b[${up}B`];
    stdout.write(`${there}\r\x1b[2K${line(event)}${back}`);
  };
  return { report, end, [Symbol.dispose]: end };
}

function line({ id, name, current, total = 0 }: ProgressEvent & { kind: "bytes" }): string {
  return `${id}: ${name} ${byteBar({ current, total })}`;
}
