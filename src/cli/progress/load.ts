import type { ProgressEvent } from "../../base/operation.ts";
import { humanSize } from "../format/human-size.ts";
import type { Output } from "../terminal/terminal.ts";

/** Shows how far each layer is. */
export interface LoadProgress extends Disposable {
  readonly report: (event: ProgressEvent) => void;
  /** Nothing more comes for now: other lines follow. */
  end(): void;
}

const barWidth = 50;

/** Least time between two drawings, milliseconds. */
const pause = 100;

/** A line for each layer on a terminal, as Docker draws it; warnings everywhere. */
export function loadProgress(
  stdout: Output,
  { quiet, now = Date.now }: { readonly quiet: boolean; readonly now?: () => number },
): LoadProgress {
  const silent = quiet || stdout.isTTY !== true;
  let shown = "";
  let drawn = 0;
  const end = (): void => {
    if (shown !== "") stdout.write("\n");
    shown = "";
  };
  const report = (event: ProgressEvent): void => {
    if (silent || event.kind !== "bytes") return;
    const whole = event.current === event.total;
    if (event.id === shown && !whole && now() - drawn < pause) return;
    if (event.id !== shown) end();
    shown = event.id;
    drawn = now();
    stdout.write(`\r\x1b[2K${line(event)}`);
  };
  return { report, end, [Symbol.dispose]: end };
}

function line({ id, name, current, total = 0 }: ProgressEvent & { kind: "bytes" }): string {
  const filled = total === 0 ? barWidth : Math.floor((current / total) * barWidth);
  const bar = `${"=".repeat(filled)}>`.slice(0, barWidth).padEnd(barWidth);
  return `${id}: ${name} [${bar}] ${humanSize(current).padStart(8)}/${humanSize(total)}`;
}
