import type { Escape } from "./ast.ts";
import { isSpace, trim, trimStart } from "./space.ts";

/** The arguments of an instruction in JSON form, the reason why they are wrong, or undefined when it isn't that form. */
export type JSONForm = { readonly args: readonly string[] } | { readonly wrong: string } | undefined;

/**
 * Read `["a", "b"]`. What starts with a bracket and isn't valid JSON is no error: it is taken for the shell form.
 */
export function parseJSONForm(text: string): JSONForm {
  if (!trimStart(text).startsWith("[")) return undefined;
  const value = parseJSON(trim(text));
  if (!Array.isArray(value)) return undefined;
  const args: readonly unknown[] = value;
  if (args.every((arg) => typeof arg === "string")) return { args: args.map((arg) => arg.toWellFormed()) };
  return { wrong: "when using JSON array syntax, arrays must be comprised of strings only" };
}

function parseJSON(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Split at blanks; quotes mean nothing. */
export function splitBlanks(text: string): readonly string[] {
  return text === "" ? [] : text.split(/[\t\v\f\r ]+/);
}

/** Split at white space outside quotes; quotes and escapes stay. What ENV, LABEL and ARG take for words. */
export function splitQuoted(text: string, escapeChar: Escape): readonly string[] {
  const words: string[] = [];
  let word = "";
  for (const { char, quoted } of readChars(text, escapeChar)) {
    if (quoted || !isSpace(char)) {
      word += char;
      continue;
    }
    if (word !== "") words.push(word);
    word = "";
  }
  return word === "" ? words : [...words, word];
}

/**
 * The `--flags` in front of an instruction's arguments, quotes and escapes taken away, and the rest of the line.
 * `--` ends the flags.
 */
export function splitFlags(
  text: string,
  escapeChar: Escape,
): { readonly flags: readonly string[]; readonly rest: string } {
  const flags: string[] = [];
  for (let rest = trimStart(text); ; rest = trimStart(rest)) {
    if (!rest.startsWith("--")) return { flags, rest };
    const [flag, length] = readFlag(rest, escapeChar);
    rest = rest.slice(length);
    if (flag === "--") return { flags, rest: trimStart(rest) };
    flags.push(flag);
  }
}

/** The first word without its quotes, and how long it is with them. */
function readFlag(text: string, escapeChar: Escape): readonly [string, number] {
  let flag = "";
  let quote = "";
  let at = 0;
  for (; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === "" && isSpace(char)) break;
    if (char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === escapeChar) flag += text.charAt(++at);
    else flag += char;
  }
  return [flag, Math.min(at, text.length)];
}

/** Characters as written, each with whether it is protected from splitting; an escape comes with what it escapes. */
function* readChars(text: string, escapeChar: Escape): Generator<{ readonly char: string; readonly quoted: boolean }> {
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    // In single quotes nothing can be escaped; an escape at the very end is dropped.
    if (char === escapeChar && quote !== "'") {
      if (++at < text.length) yield { char: char + text.charAt(at), quoted: true };
      continue;
    }
    if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = "";
    yield { char, quoted: quote !== "" };
  }
}
