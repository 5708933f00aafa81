import { BerthError } from "../base/errors.ts";
import type { Heredoc } from "./ast.ts";
import { type ExpandOptions, expandWords } from "./expand.ts";
import { withoutEnd } from "./space.ts";

// @see Dockerfile reference, "Here-documents"

/** A heredoc as its mark announces it; the content comes later. */
export type HeredocMark = Omit<Heredoc, "content">;

const mark = /^\d*<<(-?)\s*((?!\s)[^<]*)$/;
const unset = (): undefined => undefined;
/** Heredoc names are quoted as in a shell, whatever the Dockerfile's escape character is. */
const raw: ExpandOptions = { quotes: "keep", keepUnset: true };

/**
 * The mark in a word like `<<EOF`, `<<-"EOF"` or `3<<EOF`; undefined for any other word.
 *
 * @throws {BerthError} when the name's quotes don't end
 */
export function parseHeredocMark(word: string): HeredocMark | undefined {
  const match = mark.exec(word);
  if (match === null) return undefined;
  const [, dash, rest = ""] = match;
  const [name, ...more] = expandWords(rest, unset, { ...raw, quotes: "remove" });
  if (name === undefined || more.length > 0) return undefined;
  const [written = ""] = expandWords(rest, unset, raw);
  return { name, chomp: dash === "-", expand: quotes(written) === quotes(name) };
}

/** The marks on a line, in order. A line whose quotes don't end has none: it is the shell's to complain about. */
export function heredocMarks(line: string): readonly HeredocMark[] {
  if (!line.includes("<<")) return [];
  return splitLine(line).flatMap((word) => parseHeredocMark(word) ?? []);
}

/** What a heredoc says: for `<<-` without the tabs at the start of each line. */
export function heredocText(heredoc: Pick<Heredoc, "content" | "chomp">): string {
  return heredoc.chomp ? heredoc.content.replace(/^\t+/gm, "") : heredoc.content;
}

/** True when `line` (with its end) is the one that ends the heredoc. */
export function endsHeredoc(heredoc: HeredocMark, line: string): boolean {
  const text = withoutEnd(line);
  return (heredoc.chomp ? text.replace(/^\t+/, "") : text) === heredoc.name;
}

function splitLine(line: string): readonly string[] {
  try {
    return expandWords(line, unset, { ...raw, keepEscapes: true });
  } catch (error) {
    if (error instanceof BerthError) return [];
    throw error;
  }
}

function quotes(text: string): number {
  return text.replace(/[^'"]/g, "").length;
}
