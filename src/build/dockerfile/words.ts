import { isKind } from "../../base/errors.ts";
import type { Escape } from "../../dockerfile/ast.ts";
import { type ExpandOptions, expandWord } from "../../dockerfile/expand.ts";
import { suggestion } from "../../dockerfile/suggest.ts";
import { builderArgs, type StageContext, type StageState } from "../stage-state.ts";
import type { StageSource } from "../stages.ts";

/** What words of an instruction are read with. */
export interface Reading {
  readonly escape: Escape;
  readonly context: Pick<StageContext, "warn" | "buildArgs" | "globalArgs">;
  /** What `--from=NAME` of a copy or a mount names. @throws {BerthError} invalid-argument */
  source(from: string, isCopy: boolean): StageSource;
}

/** Expand a word of an instruction, and tell of variables in it that nothing defines. @throws {BerthError} invalid-argument */
export function word(
  state: StageState,
  { escape: escapeChar, context }: Reading,
  text: string,
  options: ExpandOptions = { escape: escapeChar },
): string {
  const expansion = expandWord(text, (name) => state.env.get(name), options);
  for (const name of expansion.unmatched) {
    if (!state.envKnown || builderArgs.has(name) || state.args.some((arg) => arg.name === name)) continue;
    context.warn("UndefinedVar", name, suggestion(name, [...state.env.keys()]) ?? "");
  }
  return expansion.text;
}

/**
 * An instruction as progress shows it: variables expanded, the keyword in capitals.
 * `RUN` keeps its quotes, and the variables that only its shell knows.
 */
export function shownInstruction(state: StageState, { escape: escapeChar }: Reading, original: string): string {
  const isRun = /^run\b/i.test(original);
  const options = { escape: escapeChar, ...(isRun ? ({ quotes: "keep", keepUnset: true } as const) : {}) };
  return shownText(original, (text) => expandWord(text, (name) => state.env.get(name), options).text).replace(
    /^\S+/,
    (keyword) => keyword.toUpperCase(),
  );
}

/** A name is shown as written where it can't be expanded. */
function shownText(original: string, expand: (text: string) => string): string {
  try {
    return expand(original);
  } catch (error) {
    if (isKind(error, "invalid-argument")) return original;
    throw error;
  }
}
