import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import { linux } from "../../host/syscalls.ts";
import { CliError } from "../cli-error.ts";
import type { ExploredImage, WindowSize } from "../engine-types.ts";
import { instructionText, printable, shortened } from "../format/printable.ts";
import { rawMode } from "../terminal/raw-mode.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { userInput } from "../terminal/user-input.ts";
import {
  type Cursor,
  type ExplorerState,
  explorerStart,
  filesShown,
  keysOf,
  pressed,
  scrolled,
} from "./explorer-state.ts";
import { countText, fileText, imageText } from "./plain.ts";

/** What {@link explorer} shows, and until when. */
export interface ExplorerOptions {
  readonly explored: ExploredImage;
  /** The image as the user calls it. */
  readonly name: string;
  /** Ends it, with the reason. */
  readonly signal: AbortSignal;
}

/** The exit code that a shell gives a command that Ctrl-C ended. */
const interrupted = 130;

const [otherScreen, firstScreen] = ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"];

/** Lines that are no rows of the list: the image, headings, keys. */
const frame = 4;

/**
 * Walk through an image's layers with the keyboard. The terminal is given back as it was, however this ends.
 *
 * @returns the exit code
 */
export async function explorer(io: Terminal, { explored, name, signal }: ExplorerOptions): Promise<number> {
  signal.throwIfAborted();
  using stack = new DisposableStack();
  const { promise: ended, resolve, reject } = Promise.withResolvers<number>();
  let state = explorerStart(explored);
  const rows = (): number => Math.max(1, sizeOf(io).rows - frame);
  const paint = (): void => {
    io.stdout.write(`\x1b[H${picture(state, name, sizeOf(io)).join("\x1b[K\r\n")}\x1b[J`);
  };
  const input = stack.use(userInput(io));
  stack.use(rawMode(io));
  io.stdout.write(otherScreen);
  stack.defer(() => void io.stdout.write(firstScreen));
  stack.use(io.onSignals(["SIGWINCH"], paint));
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  input.stream.on("data", (data: Buffer) => {
    for (const key of keysOf(data.toString())) {
      if (key === "\x03") return reject(new CliError("", { code: interrupted }));
      const next = pressed(state, key, rows());
      if (next === "quit") return resolve(0);
      state = next;
    }
    paint();
  });
  input.stream.once("end", () => resolve(0));
  input.stream.once("error", reject);
  paint();
  return await ended;
}

/** Asked of the kernel: Node's own knowledge may be older than the signal. */
function sizeOf({ stdout }: Terminal): WindowSize {
  const size = stdout.fd === undefined ? undefined : linux.windowSize(stdout.fd);
  return size === undefined || size.rows === 0 || size.columns === 0 ? { rows: 24, columns: 80 } : size;
}

/** The lines of the screen. */
export function picture(state: ExplorerState, name: string, { rows, columns }: WindowSize): readonly string[] {
  const room = Math.max(1, rows - frame);
  const { head, length, row, cursor } = state.files === undefined ? layerList(state) : fileList(state);
  const { at, from } = scrolled(cursor, 0, { rows: room, length });
  const shown = Array.from({ length: Math.min(room, length - from) }, (_, index) => {
    const isHere = index + from === at;
    const text = shortened(`${isHere ? ">" : " "} ${row(index + from)}`, columns);
    return isHere ? `\x1b[7m${text}\x1b[0m` : text;
  });
  const blank = Array.from({ length: room - shown.length }, () => "");
  const lines = [imageText(state.explored, name), head, ...shown, ...blank, "", keysText(state)];
  const isShown = (_: string, index: number): boolean => index < rows;
  return lines.map((line) => (line.startsWith("\x1b") ? line : shortened(line, columns))).filter(isShown);
}

interface List {
  readonly head: string;
  readonly length: number;
  readonly row: (index: number) => string;
  readonly cursor: Cursor;
}

function layerList({ explored: { layers }, layers: cursor }: ExplorerState): List {
  const line = (cells: readonly string[], instruction: string): string =>
    `${cells.map((cell, index) => cell.padStart(index === 0 ? 3 : 8)).join(" ")}  ${instruction}`;
  const row = (index: number): string => {
    const { size = 0, wasted = 0, files = [], createdBy = "" } = layers[index] ?? {};
    const cells = [String(index + 1), humanSize(size, 3), humanSize(wasted, 3), String(files.length)];
    return line(cells, instructionText(createdBy));
  };
  return { head: `  ${line(["#", "SIZE", "WASTED", "FILES"], "INSTRUCTION")}`, length: layers.length, row, cursor };
}

function fileList(state: ExplorerState): List {
  const { explored, layers, files = { at: 0, from: 0 } } = state;
  const shown = filesShown(state);
  const head = `Layer ${layers.at + 1}  ${shortID(explored.layers[layers.at]?.diffID ?? "")}  ${countText(shown)}`;
  const row = (index: number): string =>
    shown
      .slice(index, index + 1)
      .map(fileText)
      .join("");
  return { head, length: shown.length, row, cursor: files };
}

function keysText({ files, filter, typing }: ExplorerState): string {
  if (typing) return `/${printable(filter)}_`;
  if (files === undefined) return "up/down or j/k: move   enter: open   q: quit";
  const which = filter === "" ? "" : `   only ${printable(filter)}`;
  return `up/down or j/k: move   /: filter   esc: back   q: quit${which}`;
}
