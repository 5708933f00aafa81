import { BerthError } from "../base/errors.ts";
import { type Arguments, heredocsAllowed, parseArguments } from "./arguments.ts";
import type { Directive, Escape, Heredoc, Node, Span } from "./ast.ts";
import { escapeOf, parseDirectives } from "./directives.ts";
import { DockerfileError, lineSpan } from "./errors.ts";
import { endsHeredoc, type HeredocMark, heredocMarks } from "./heredoc.ts";
import { cutAtBlank, trim, trimStart, withoutEnd } from "./space.ts";
import { splitFlags } from "./words.ts";

// First half of parsing: physical lines to statements, whatever their keyword means.

/** One instruction, taken apart but not yet understood. */
export interface Statement extends Arguments {
  readonly keyword: string;
  readonly flags: readonly string[];
  readonly heredocs: readonly Heredoc[];
  readonly original: string;
  readonly span: Span;
  /** As in the syntax tree. */
  readonly comments?: readonly string[];
}

/** What every instruction has. */
export function nodeOf({ keyword, original, span, comments }: Statement): Node {
  return { keyword, original, span, ...(comments !== undefined && { comments }) };
}

/** All statements of a file. */
export interface Source {
  readonly escape: Escape;
  readonly directives: readonly Directive[];
  readonly statements: readonly Statement[];
  /** As in the syntax tree. */
  readonly gaps: readonly number[];
}

/** Bytes that a physical line may have, its end included. */
const longestLine = 64 * 1024;

/**
 * Read a Dockerfile into statements.
 *
 * @throws {DockerfileError} with BuildKit's message, which for errors at this stage names no line
 */
export function readStatements(text: string): Source {
  const lines = splitLines(text);
  const directives = parseDirectives(lines);
  const reader: Reader = { lines, at: directives.length, escape: escapeOf(directives), gaps: [], comments: [] };
  const statements: Statement[] = [];
  while (reader.at < lines.length) {
    const statement = readStatement(reader);
    if (statement !== undefined) statements.push(statement);
  }
  if (statements.length === 0) throw new DockerfileError("file with no instructions", lineSpan(lines.length));
  return { escape: reader.escape, directives, statements, gaps: reader.gaps };
}

interface Reader {
  readonly lines: readonly string[];
  at: number;
  readonly escape: Escape;
  readonly gaps: number[];
  /** Comments since the last statement. */
  comments: string[];
}

/** Lines with their ends. A byte order mark in front is dropped. */
function splitLines(text: string): readonly string[] {
  const lines = text.replace(/^\ufeff/, "").match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const long = lines.findIndex((line) => Buffer.byteLength(line) > longestLine);
  if (long >= 0)
    throw new DockerfileError(
      `dockerfile line greater than max allowed size of ${longestLine - 1}`,
      lineSpan(long + 1),
    );
  return lines;
}

function nextLine(reader: Reader): string | undefined {
  return reader.at < reader.lines.length ? reader.lines[reader.at++] : undefined;
}

function isComment(line: string): boolean {
  return trimStart(line).startsWith("#");
}

/** The next instruction; undefined for an empty line or a comment. */
function readStatement(reader: Reader): Statement | undefined {
  const start = reader.at + 1;
  const original = readLogicalLine(reader);
  if (original === undefined) return undefined;
  const { comments } = reader;
  reader.comments = [];
  const span = (): Span => ({ start, end: reader.at });
  try {
    const { keyword, flags, rest } = splitStatement(original, reader.escape);
    const given = parseArguments(keyword, rest, reader.escape);
    const heredocs = heredocsAllowed(keyword, given)
      ? heredocMarks(original).map((mark) => readHeredoc(reader, mark))
      : [];
    const statement = { keyword, flags, ...given, heredocs, original: trim(original), span: span() };
    return comments.length === 0 ? statement : { ...statement, comments };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new DockerfileError(error.message, span(), error.hint);
  }
}

/** An empty comment ends those above it. As BuildKit has it, it is a line's first character that is left out, be it a blank. */
function addComment(reader: Reader, line: string): void {
  const comment = trim(line.slice(1));
  if (comment === "") reader.comments = [];
  else reader.comments.push(comment);
}

/** A line and those that continue it, comments and empty lines between them left out. */
function readLogicalLine(reader: Reader): string | undefined {
  const line = withoutEnd(nextLine(reader) ?? "");
  const first = trimStart(line);
  if (isComment(first)) addComment(reader, line);
  if (first === "" || isComment(first)) return undefined;
  let joined = "";
  let gap = false;
  for (let line: string | undefined = first; line !== undefined; line = nextLine(reader)) {
    const text = withoutEnd(line);
    if (isComment(text)) continue;
    if (trimStart(text) === "") {
      gap = true;
      continue;
    }
    const continued = cutContinuation(text, reader.escape);
    joined += continued ?? text;
    if (continued === undefined) break;
  }
  if (gap) reader.gaps.push(reader.at);
  return joined;
}

/** What stands before the escape character at the line's end, which an escape character before it disarms. */
function cutContinuation(line: string, escapeChar: Escape): string | undefined {
  const text = line.replace(/(?<![ \t])[ \t]+$/, "");
  if (!text.endsWith(escapeChar)) return undefined;
  const rest = text.slice(0, -1);
  return rest.endsWith(escapeChar) ? undefined : rest;
}

function splitStatement(line: string, escapeChar: Escape): { keyword: string; flags: readonly string[]; rest: string } {
  const [keyword, rest = ""] = cutAtBlank(trim(line));
  const { flags, rest: words } = splitFlags(rest, escapeChar);
  return { keyword, flags, rest: trim(words) };
}

function readHeredoc(reader: Reader, mark: HeredocMark): Heredoc {
  let content = "";
  for (;;) {
    const line = nextLine(reader);
    if (line === undefined) {
      throw new BerthError("invalid-argument", "unterminated heredoc", {
        hint: `A line that says only ${mark.name} ends the heredoc.`,
      });
    }
    if (endsHeredoc(mark, line)) return { ...mark, content };
    content += line;
  }
}
