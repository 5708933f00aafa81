import { humanSize } from "../../base/human-size.ts";
import type { ProgressEvent } from "../../base/operation.ts";
import type { Output } from "../terminal/terminal.ts";
import { byteBar } from "./bar.ts";

/** Shows how a pull goes on. Disposing it leaves the terminal below its lines. */
export interface PullProgress extends Disposable {
  readonly report: (event: ProgressEvent) => void;
  /** Nothing more comes for now: other lines follow. */
  end(): void;
  /** Whether anything was told, shown or not. */
  readonly hasBegun: () => boolean;
}

/** How a pull is shown. */
export interface PullProgressOptions {
  readonly quiet: boolean;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Least time between two drawings of one line, milliseconds. */
const pause = 100;

/** Docker's lines: without a terminal one for each step that a layer takes; on one, a line for each layer, and one for the whole. */
export function pullProgress(output: Output, { quiet, now = Date.now }: PullProgressOptions): PullProgress {
  let begun = false;
  const lines = output.isTTY === true ? new LiveLines(output, now) : undefined;
  const report = (event: ProgressEvent): void => {
    begun = true;
    if (quiet) return;
    if (lines !== undefined) lines.take(event);
    else if (event.kind === "step") output.write(`${shownID(event.id)}: ${event.name}\n`);
  };
  const end = (): void => lines?.end();
  return { report, end, hasBegun: () => begun, [Symbol.dispose]: end };
}

/** A layer by the first digits of its digest; a tag as it is. */
function shownID(id: string): string {
  return /^sha256:[a-f0-9]{64}$/.test(id) ? id.slice("sha256:".length).slice(0, 12) : id;
}

/** A line for each thing, drawn where it is, above one for all. The cursor stands at the beginning of the last one. */
class LiveLines {
  readonly #output: Output;
  readonly #now: () => number;
  /** Places of the lines, from the top, and when each was drawn. */
  readonly #lines = new Map<string, { readonly place: number; drawn: number }>();
  /** Bytes of what is downloaded. */
  readonly #sizes = new Map<string, { current: number; total: number; readonly first: number }>();
  #started: number | undefined;
  #drawn = Number.NEGATIVE_INFINITY;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  take(event: ProgressEvent): void {
    if (event.kind === "step") this.#draw(event.id, `${shownID(event.id)}: ${event.name}`);
    // What turns out to be there already is no part of the whole.
    if (event.kind === "step" && event.status === "cached") this.#sizes.delete(event.id);
    if (event.kind !== "bytes") return;
    const { id, name, current, total = 0 } = event;
    if (name !== "Extracting") this.#count(id, name, { current, total });
    if (current > 0 && this.#isDue(id) && this.#isShown(id, name)) {
      this.#draw(id, `${shownID(id)}: ${name.padEnd(11)} ${byteBar({ current, total }, this.#barWidth())}`);
    }
    this.#drawTotal();
  }

  end(): void {
    if (this.#lines.size > 0) this.#output.write("\r\x1b[2K");
    this.#lines.clear();
    this.#sizes.clear();
    this.#started = undefined;
  }

  #count(id: string, name: string, { current, total }: { current: number; total: number }): void {
    if (name === "Downloading" || name === "Pushing") this.#started ??= this.#now();
    const known = this.#sizes.get(id);
    if (known === undefined || (known.current === 0 && name === "Downloading")) {
      // What was here before isn't part of the rate.
      this.#sizes.set(id, { current, total, first: current });
    } else known.current = current;
  }

  /** While bytes come in, that is told; what is unpacked, after that. */
  #isShown(id: string, name: string): boolean {
    const size = this.#sizes.get(id);
    return name !== "Extracting" || size === undefined || size.current === size.total;
  }

  #isDue(id: string): boolean {
    return this.#now() - (this.#lines.get(id)?.drawn ?? Number.NEGATIVE_INFINITY) >= pause;
  }

  #draw(id: string, text: string): void {
    const line = this.#lines.get(id);
    if (line === undefined) {
      this.#lines.set(id, { place: this.#lines.size, drawn: this.#now() });
      this.#output.write(`\r\x1b[2K${text}\n`);
      this.#drawn = Number.NEGATIVE_INFINITY;
      return;
    }
    line.drawn = this.#now();
    const up = this.#lines.size - line.place;
    // What has left the screen can't be drawn again.
    if (up < (this.#output.rows ?? 24)) this.#output.write(`\x1b[${up}A\r\x1b[2K${text}\x1b[${up}B\r`);
  }

  #drawTotal(): void {
    if (this.#started === undefined || this.#now() - this.#drawn < pause) return;
    this.#drawn = this.#now();
    const sizes = [...this.#sizes.values()];
    const sum = (of: (size: (typeof sizes)[number]) => number): number =>
      sizes.reduce((all, each) => all + of(each), 0);
    const [current, total, first] = [sum((each) => each.current), sum((each) => each.total), sum((each) => each.first)];
    const seconds = (this.#now() - this.#started) / 1000;
    const rate = seconds > 0 ? (current - first) / seconds : 0;
    const left = rate > 0 && current < total ? `  ${duration((total - current) / rate)} left` : "";
    const text = `Total: ${byteBar({ current, total }, this.#barWidth())}  ${humanSize(rate, 3)}/s${left}`;
    this.#output.write(`\r\x1b[2K${text}\r`);
  }

  #barWidth(): number {
    return Math.max(0, Math.min(50, (this.#output.columns ?? 80) - 60));
  }
}

/** `4s`, `2m05s`, `1h03m`. */
function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (number: number): string => String(number).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}
