import type { ExploredImage, LayerFile } from "../engine-types.ts";
import { largestFirst } from "./plain.ts";

/** A list that one moves in. */
export interface Cursor {
  readonly at: number;
  /** The first row on the screen. */
  readonly from: number;
}

/** What the explorer shows. */
export interface ExplorerState {
  readonly explored: ExploredImage;
  readonly layers: Cursor;
  /** Set while a layer is open. */
  readonly files: Cursor | undefined;
  /** What paths must contain; of the open layer. */
  readonly filter: string;
  /** True while the filter is typed. */
  readonly typing: boolean;
}

const top: Cursor = { at: 0, from: 0 };

/** The explorer at its start. */
export function explorerStart(explored: ExploredImage): ExplorerState {
  // Sorted once: a layer can have very many.
  const layers = explored.layers.map((layer) => ({ ...layer, files: largestFirst(layer.files) }));
  return { explored: { ...explored, layers }, layers: top, files: undefined, filter: "", typing: false };
}

/** The files to show of the open layer, largest first. */
export function filesShown({ explored, layers, filter }: ExplorerState): readonly LayerFile[] {
  const files = explored.layers[layers.at]?.files ?? [];
  return filter === "" ? files : files.filter(({ path }) => path.includes(filter));
}

/** What a key does. @param rows how many rows a list has on the screen @returns "quit", or what is shown then */
export function pressed(state: ExplorerState, key: string, rows: number): ExplorerState | "quit" {
  if (state.typing) return typed(state, key);
  const steps = stepsOf(key, rows);
  if (steps !== undefined) return moved(state, steps, rows);
  if (key === "q") return "quit";
  if (key === "\r" || key === "\n" || key === "l" || key === "\x1b[C") return opened(state);
  if (key === "/" && state.files !== undefined) return { ...state, typing: true };
  if (key === "\x1b" || key === "h" || key === "\x1b[D" || key === "\x7f") {
    if (state.filter !== "") return { ...state, filter: "", files: top };
    return { ...state, files: undefined };
  }
  return state;
}

function opened(state: ExplorerState): ExplorerState {
  const isThere = state.explored.layers[state.layers.at] !== undefined;
  return state.files === undefined && isThere ? { ...state, files: top } : state;
}

function stepsOf(key: string, rows: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    "\x1b[A": -1,
    "\x1bOA": -1,
    k: -1,
    "\x1b[B": 1,
    "\x1bOB": 1,
    j: 1,
    "\x1b[5~": -rows,
    "\x1b[6~": rows,
    " ": rows,
    g: Number.NEGATIVE_INFINITY,
    "\x1b[H": Number.NEGATIVE_INFINITY,
    G: Number.POSITIVE_INFINITY,
    "\x1b[F": Number.POSITIVE_INFINITY,
  };
  return Object.hasOwn(steps, key) ? steps[key] : undefined;
}

function moved(state: ExplorerState, steps: number, rows: number): ExplorerState {
  const { files, layers, explored } = state;
  if (files === undefined)
    return { ...state, layers: scrolled(layers, steps, { rows, length: explored.layers.length }) };
  return { ...state, files: scrolled(files, steps, { rows, length: filesShown(state).length }) };
}

/** The cursor `steps` further, within a list, and the list so that it can be seen. */
export function scrolled(
  { at, from }: Cursor,
  steps: number,
  { rows, length }: { readonly rows: number; readonly length: number },
): Cursor {
  const next = Math.max(0, Math.min(length - 1, at + steps));
  return { at: next, from: Math.max(0, Math.min(next, Math.max(from, next - rows + 1))) };
}

function typed(state: ExplorerState, key: string): ExplorerState {
  const { filter } = state;
  if (key === "\r" || key === "\n") return { ...state, typing: false };
  if (key === "\x1b") return { ...state, typing: false, filter: "", files: top };
  if (key === "\x7f" || key === "\b") return { ...state, filter: [...filter].slice(0, -1).join(""), files: top };
  return /^\P{Cc}$/u.test(key) ? { ...state, filter: filter + key, files: top } : state;
}

/** What was typed, key by key: an escape sequence is one. */
export function keysOf(text: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape is what such keys begin with
  return text.match(/\x1b\[[\d;]*[~A-Za-z]|\x1bO[A-Z]|./gsu) ?? [];
}
