import type { Span } from "./ast.ts";
import { trim, trimStart } from "./space.ts";

/** Characters of a text that others come in place of. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

/** A place in a text. */
export type Place = Pick<Edit, "start" | "end">;

/** The lines of an instruction as they are written, and how to change them. Without a place for an edit there is none. */
export interface Region {
  /** In place of the keyword. */
  keyword(keyword: string, by: string): readonly Edit[];
  /** In place of one group of a match, for an instruction on one line. @param pattern with the flag `d` */
  replace(pattern: RegExp, group: number, by: (text: string) => string): readonly Edit[];
  /** Where the arguments are, when they stand on one line behind the keyword as `text`. */
  line(keyword: string, text: string): Place | undefined;
  /** In place of the blanks behind the first argument, and at the end. */
  between(keyword: string, first: string, by: { readonly separator: string; readonly end: string }): readonly Edit[];
  /** Without the empty lines before a line. */
  withoutGaps(last: number): readonly Edit[];
  /** The words behind the keyword, comments left out. */
  words(keyword: string): readonly { readonly start: number; readonly text: string }[];
  /** The instruction's own lines after edits of them. */
  edited(edits: readonly Edit[]): string;
}

/** A line with its end. */
export interface Line {
  /** Where in the text it starts. */
  readonly start: number;
  readonly text: string;
}

/** The region of an instruction. */
export function openRegion(all: readonly Line[], span: Span): Region {
  const lines = all.slice(span.start - 1, span.end);
  const [first = { start: 0, text: "" }] = lines;
  const own = lines.map((line) => line.text).join("");
  const indent = /^\ufeff?\s*/.exec(own)?.[0].length ?? 0;
  /** Where the arguments begin in `own`. */
  const argumentsOf = (keyword: string): number | undefined => {
    if (!own.startsWith(keyword, indent)) return undefined;
    const blanks = /^[\t\v\f\r ]+/.exec(own.slice(indent + keyword.length))?.[0].length ?? 0;
    return blanks === 0 ? undefined : indent + keyword.length + blanks;
  };
  const at = (offset: number): number => first.start + offset;
  return {
    keyword: (keyword, by) =>
      own.startsWith(keyword, indent) ? [{ start: at(indent), end: at(indent + keyword.length), by }] : [],
    replace: (pattern, group, by) => {
      const [start, end] = (lines.length === 1 ? pattern.exec(own)?.indices?.[group] : undefined) ?? [];
      if (start === undefined || end === undefined) return [];
      return [{ start: at(start), end: at(end), by: by(own.slice(start, end)) }];
    },
    line: (keyword, wanted) => {
      const start = argumentsOf(keyword);
      if (lines.length !== 1 || start === undefined || trim(own.slice(start)) !== wanted) return undefined;
      return { start: at(start), end: at(start + wanted.length) };
    },
    between: (keyword, word, { separator, end }) => {
      const start = argumentsOf(keyword);
      if (start === undefined || !own.startsWith(word, start)) return [];
      const from = start + word.length;
      const blanks = /^[\t\v\f\r ]+/.exec(own.slice(from))?.[0].length ?? 0;
      const last = own.trimEnd().length;
      const closing = end === "" ? [] : [{ start: at(last), end: at(last), by: end }];
      return blanks === 0 ? [] : [{ start: at(from), end: at(from + blanks), by: separator }, ...closing];
    },
    withoutGaps: (last) =>
      lines
        .slice(0, last - span.start)
        .filter((line) => trim(line.text) === "")
        .map((line) => ({ start: line.start, end: line.start + line.text.length, by: "" })),
    words: (keyword) => {
      const start = argumentsOf(keyword);
      if (start === undefined) return [];
      return lines
        .filter((line) => !trimStart(line.text).startsWith("#"))
        .flatMap((line) =>
          [...line.text.matchAll(/\S+/g)].map((match) => ({ start: line.start + match.index, text: match[0] })),
        )
        .filter((word) => word.start >= at(start));
    },
    edited: (edits) =>
      withEdits(
        own,
        edits.map(({ start, end, by }) => ({ start: start - first.start, end: end - first.start, by })),
      ),
  };
}

/** A text after edits that don't overlap. */
export function withEdits(text: string, edits: readonly Edit[]): string {
  let [edited, at] = ["", 0];
  for (const { start, end, by } of edits.toSorted((a, b) => a.start - b.start)) {
    edited += text.slice(at, start) + by;
    at = end;
  }
  return edited + text.slice(at);
}

/** The lines of a text. */
export function linesOf(text: string): readonly Line[] {
  const lines: Line[] = [];
  for (const { 0: line, index } of text.matchAll(/[^\n]*\n|[^\n]+$/g)) lines.push({ start: index, text: line });
  return lines;
}
