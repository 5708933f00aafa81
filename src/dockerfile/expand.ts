import { BerthError } from "../base/errors.ts";
import type { Escape } from "./ast.ts";
import { replaced, withoutPrefix, withoutSuffix } from "./expand-pattern.ts";
import { hasSpace, splitAtSpace } from "./space.ts";

// Variables and quotes in the words of a Dockerfile.
// @see Dockerfile reference, "Environment replacement"; POSIX.1-2017 XCU 2.6.2 for the forms of ${}

/** The value of a variable; undefined when it isn't set. */
export type Lookup = (name: string) => string | undefined;

/** How to read a word. */
export interface ExpandOptions {
  /** `\` unless the Dockerfile says otherwise. */
  readonly escape?: Escape;
  /** What becomes of quotes: gone (as usual), kept, or `plain` characters that quote nothing (heredocs). */
  readonly quotes?: "remove" | "keep" | "plain";
  /** True to keep the escape characters. */
  readonly keepEscapes?: boolean;
  /** True to leave a variable that isn't set as it is written; otherwise it is empty. */
  readonly keepUnset?: boolean;
}

/** What a word has become, and what it depends on. */
export interface Expansion {
  readonly text: string;
  /** Variables that were asked for and are set: what belongs into a cache key. */
  readonly used: ReadonlySet<string>;
  /** Variables that were asked for and aren't set: what deserves a warning. */
  readonly unmatched: ReadonlySet<string>;
}

/** Most that a word may grow to, in UTF-16 units, and how deep `${}` may nest: ENV lines can double a value each. */
const limits = { length: 16 * 1024 * 1024, depth: 200 } as const;

/**
 * Expand `word` to one word; white space in it stays.
 *
 * @throws {BerthError} invalid-argument `failed to process "...": ...`
 */
export function expandWord(word: string, lookup: Lookup, options: ExpandOptions = {}): Expansion {
  const reader = openReader(word, lookup, options);
  return { text: readWhole(reader, word).text, used: reader.used, unmatched: reader.unmatched };
}

/**
 * Expand `text` and split it at white space, also at such that came out of a variable, but not inside quotes.
 * Empty words are dropped.
 *
 * @throws {BerthError} invalid-argument `failed to process "...": ...`
 */
export function expandWords(text: string, lookup: Lookup, options: ExpandOptions = {}): readonly string[] {
  return readWhole(openReader(text, lookup, options), text).words;
}

interface Reader {
  readonly chars: readonly string[];
  at: number;
  depth: number;
  keepEscapes: boolean;
  readonly escape: string;
  readonly quotes: "remove" | "keep" | "plain";
  readonly keepUnset: boolean;
  readonly lookup: Lookup;
  readonly used: Set<string>;
  readonly unmatched: Set<string>;
}

interface Output {
  text: string;
  word: string;
  readonly words: string[];
}

function openReader(text: string, lookup: Lookup, options: ExpandOptions): Reader {
  return {
    chars: Array.from(text),
    at: 0,
    depth: 0,
    escape: options.escape ?? "\\",
    quotes: options.quotes ?? "remove",
    keepEscapes: options.keepEscapes ?? false,
    keepUnset: options.keepUnset ?? false,
    lookup,
    used: new Set(),
    unmatched: new Set(),
  };
}

function readWhole(reader: Reader, source: string): Output {
  try {
    return readUntil(reader, undefined, reader.keepEscapes);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError("invalid-argument", `failed to process ${JSON.stringify(source)}: ${error.message}`, {
      cause: error,
    });
  }
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}

function peek(reader: Reader): string | undefined {
  return reader.chars[reader.at];
}

function next(reader: Reader): string | undefined {
  return reader.chars[reader.at++];
}

/** Add characters of which white space ends a word. */
function addSplit(output: Output, text: string): void {
  if (!hasSpace(text)) {
    addWhole(output, text);
    return;
  }
  for (const [i, part] of splitAtSpace(text).entries()) {
    if (i > 0) flush(output);
    output.word += part;
  }
  addText(output, text);
}

/** Add characters that all belong to the word. */
function addWhole(output: Output, text: string): void {
  output.word += text;
  addText(output, text);
}

function addText(output: Output, text: string): void {
  output.text += text;
  if (output.text.length > limits.length) throw wrong(`result is longer than ${limits.length} characters`);
}

function flush(output: Output): void {
  if (output.word !== "") output.words.push(output.word);
  output.word = "";
}

function readUntil(reader: Reader, stop: string | undefined, keepEscapes: boolean): Output {
  const outer = reader.keepEscapes;
  if (++reader.depth > limits.depth) throw wrong("syntax error: nested too deeply");
  reader.keepEscapes = keepEscapes;
  const output: Output = { text: "", word: "", words: [] };
  while (reader.at < reader.chars.length && peek(reader) !== stop) readPiece(reader, output);
  if (stop !== undefined && next(reader) !== stop)
    throw wrong(`unexpected end of statement while looking for matching ${stop}`);
  flush(output);
  reader.keepEscapes = outer;
  reader.depth--;
  return output;
}

function readPiece(reader: Reader, output: Output): void {
  const char = next(reader) ?? "";
  if (char === "$") addSplit(output, readVariable(reader));
  else if (char === "<") addWhole(output, readHeredocMark(reader));
  else if (char === "'" && reader.quotes !== "plain") addWhole(output, readSingleQuoted(reader));
  else if (char === '"' && reader.quotes !== "plain") addWhole(output, readDoubleQuoted(reader));
  else if (char === reader.escape) addWhole(output, (reader.keepEscapes ? char : "") + (next(reader) ?? ""));
  else addSplit(output, char);
}

/** `<<` takes the blanks behind it along, so that `<< EOF` is one word. */
function readHeredocMark(reader: Reader): string {
  if (peek(reader) !== "<") return "<";
  let mark = `<${next(reader)}`;
  while (/^[\t\r ]$/.test(peek(reader) ?? "")) mark += next(reader);
  return mark;
}

function quoted(reader: Reader, quote: string, content: string): string {
  return reader.quotes === "keep" ? quote + content + quote : content;
}

function readSingleQuoted(reader: Reader): string {
  const end = reader.chars.indexOf("'", reader.at);
  const content = reader.chars.slice(reader.at, end < 0 ? undefined : end).join("");
  reader.at = end < 0 ? reader.chars.length : end + 1;
  if (end < 0) throw wrong("unexpected end of statement while looking for matching single-quote");
  return quoted(reader, "'", content);
}

function readDoubleQuoted(reader: Reader): string {
  const output: Output = { text: "", word: "", words: [] };
  for (;;) {
    const char = next(reader);
    if (char === undefined) throw wrong("unexpected end of statement while looking for matching double-quote");
    if (char === '"') return quoted(reader, '"', output.text);
    if (char === "$") addText(output, readVariable(reader));
    else if (char === reader.escape) addText(output, readEscapedInQuotes(reader));
    else addText(output, char);
  }
}

/** Between double quotes only `"`, `$` and the escape character itself can be escaped; any other escape is literal. */
function readEscapedInQuotes(reader: Reader): string {
  const char = peek(reader);
  if (char !== '"' && char !== "$" && char !== reader.escape) return char === undefined ? "" : reader.escape;
  reader.at++;
  return reader.keepEscapes ? reader.escape + char : char;
}

function currentValue(reader: Reader, name: string): string | undefined {
  const value = reader.lookup(name);
  (value === undefined ? reader.unmatched : reader.used).add(name);
  return value;
}

/** What follows a `$`. */
function readVariable(reader: Reader): string {
  if (peek(reader) === "{") {
    reader.at++;
    return readBraced(reader);
  }
  const name = readName(reader);
  if (name === "") return "$";
  return currentValue(reader, name) ?? (reader.keepUnset ? `$${name}` : "");
}

/** Letters, digits and `_`; or a number; or one of the shell's special parameters. */
function readName(reader: Reader): string {
  const first = peek(reader) ?? "";
  if ("@*#?-$!".includes(first)) return next(reader) ?? "";
  const more = /^\p{Nd}$/u.test(first) ? /^\p{Nd}$/u : /^[\p{L}\p{Nd}_]$/u;
  let name = "";
  while (more.test(peek(reader) ?? "")) name += next(reader);
  return name;
}

/** What follows a `${`. */
function readBraced(reader: Reader): string {
  const first = peek(reader);
  if (first === undefined) throw wrong("syntax error: missing '}'");
  if ("{}:".includes(first)) throw wrong("syntax error: bad substitution");
  const name = readName(reader);
  const operator = next(reader);
  switch (operator) {
    case undefined:
      throw wrong("syntax error: missing '}'");
    case "}":
      return currentValue(reader, name) ?? (reader.keepUnset ? `\${${name}}` : "");
    case ":":
      return readConditional(reader, name, operator + (next(reader) ?? ""));
    case "+":
    case "-":
    case "?":
      return readConditional(reader, name, operator);
    case "#":
    case "%":
      return readTrim(reader, name, operator);
    case "/":
      return readReplace(reader, name);
    default:
      throw unsupported(operator);
  }
}

/** Read up to `stop`; whatever went wrong, at the end of the text it is `stop` that is missing. */
function readOperand(reader: Reader, stop: string, options: { keepEscapes: boolean; missing: string }): string {
  try {
    return readUntil(reader, stop, options.keepEscapes).text;
  } catch (error) {
    if (!(error instanceof BerthError) || reader.at < reader.chars.length) throw error;
    throw wrong(`syntax error: missing ${options.missing}`);
  }
}

/** `${X:-word}` and its kin; with a colon, an empty value counts as unset. */
function readConditional(reader: Reader, name: string, modifier: string): string {
  const sign = modifier.replace(":", "");
  if (modifier === ":#" || modifier === ":%") throw unsupported(modifier);
  const word = readOperand(reader, "}", { keepEscapes: false, missing: "'}'" });
  if (!"+-?".includes(sign)) throw unsupported(modifier);
  const value = currentValue(reader, name);
  if (value === undefined && reader.keepUnset) return `\${${name}${modifier}${word}}`;
  const given = value !== undefined && (value !== "" || sign === modifier);
  if (sign === "+") return given ? word : "";
  if (given) return value;
  if (sign === "-") return word;
  throw wrong(`${name}: ${word || `is not allowed to be ${value === undefined ? "unset" : "empty"}`}`);
}

function unsupported(modifier: string): BerthError {
  return wrong(`unsupported modifier (${modifier}) in substitution`);
}

/** `${X#pattern}` and `${X%pattern}`; the sign twice takes the longest match. */
function readTrim(reader: Reader, name: string, sign: "#" | "%"): string {
  const operand = readOperand(reader, "}", { keepEscapes: true, missing: "'}'" });
  const value = currentValue(reader, name);
  if (value === undefined && reader.keepUnset) return `\${${name}${sign}${operand}}`;
  const longest = operand.startsWith(sign);
  const pattern = longest ? operand.slice(1) : operand;
  return (sign === "#" ? withoutPrefix : withoutSuffix)(value ?? "", pattern, longest);
}

/** `${X/pattern/replacement}` and `${X//pattern/replacement}`. */
function readReplace(reader: Reader, name: string): string {
  const all = peek(reader) === "/";
  if (all) reader.at++;
  const pattern = readOperand(reader, "/", { keepEscapes: true, missing: `'/' in \${}` });
  const replacement = readOperand(reader, "}", { keepEscapes: true, missing: "'}'" });
  const value = currentValue(reader, name);
  if (value === undefined && reader.keepUnset) return `\${${name}${all ? "//" : "/"}${pattern}/${replacement}}`;
  const output: Output = { text: "", word: "", words: [] };
  for (const piece of replaced(value ?? "", { pattern, replacement, all })) addText(output, piece);
  return output.text;
}
