import { TemplateError } from "./nodes.ts";

/** A piece of a template: text outside of `{{ }}`, or one token inside; `end` closes an action. */
export interface Token {
  readonly kind: "text" | "field" | "dot" | "variable" | "word" | "string" | "character" | "number" | "sign" | "end";
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
}

const tokenPatterns: readonly (readonly [Token["kind"], RegExp])[] = [
  ["field", /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ["number", /[+-]?(?:\d|\.\d)(?:[eEpP][+-]|[\w.])*/y],
  ["dot", /\./y],
  ["variable", /\$[\p{L}\p{N}_]*/uy],
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ["character", /'(?:[^'\\\n]|\\.)*'/y],
  ["word", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["sign", /:=|[|(),=]/y],
];

/** Cut a template into tokens; `{{-` and `-}}` have trimmed the text beside them. @throws {TemplateError} with Go's text */
export function lex(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    const until = open < 0 ? source.length : open;
    const trimThis = open >= 0 && /^\{\{-\s/.test(source.slice(open, open + 4));
    const text = trim(source.slice(at, until), { start: trimNext, end: trimThis });
    if (text !== "") tokens.push({ kind: "text", text, at });
    if (open < 0) return tokens;
    const action = lexAction(source, open + (trimThis ? 3 : 2));
    tokens.push(...action.tokens);
    trimNext = action.trim;
    at = action.end;
  }
  return tokens;
}

function trim(text: string, { start, end }: { readonly start: boolean; readonly end: boolean }): string {
  const left = start ? text.trimStart() : text;
  return end ? left.trimEnd() : left;
}

interface Action {
  readonly tokens: readonly Token[];
  /** Offset behind the closing braces. */
  readonly end: number;
  /** The text behind is to lose its leading white space. */
  readonly trim: boolean;
}

function lexAction(source: string, from: number): Action {
  const comment = /\s*\/\*[\s\S]*?\*\/\s*(-?)\}\}/y;
  comment.lastIndex = from;
  const skipped = comment.exec(source);
  if (skipped !== null) return { tokens: [], end: comment.lastIndex, trim: skipped[1] === "-" };
  const tokens: Token[] = [];
  let at = from;
  for (;;) {
    const close = /\s*(\s-)?\}\}/y;
    close.lastIndex = at;
    const closing = close.exec(source);
    if (closing !== null) {
      tokens.push({ kind: "end", text: "}}", at });
      return { tokens, end: close.lastIndex, trim: closing[1] !== undefined };
    }
    while (at < source.length && /\s/.test(source.charAt(at))) at++;
    const token = nextToken(source, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function nextToken(source: string, at: number): Token {
  for (const [kind, pattern] of tokenPatterns) {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found !== null) return { kind, text: found[0], at };
  }
  const line = source.slice(0, at).split("\n").length;
  throw new TemplateError(`template: :${line}: ${unreadable(source, at)}`);
}

/** Why nothing can be read there. */
function unreadable(source: string, at: number): string {
  if (at >= source.length) return "unclosed action";
  const sign = String.fromCodePoint(source.codePointAt(at) ?? 0);
  if (sign === '"') return "unterminated quoted string";
  if (sign === "`") return "unterminated raw quoted string";
  if (sign === "'") return "unterminated character constant";
  if (source.startsWith("/*", at)) return "unclosed comment";
  if (/[\x21-\x7e]/.test(sign) && sign !== "}") return `unexpected ${JSON.stringify(sign)} in command`;
  const code = (sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `bad character U+${code} '${sign}'`;
}
