import { bakeLimits } from "../limits.ts";
import { HclError } from "./hcl-error.ts";
import type { Source } from "./source.ts";
import { punctuation, type Token, type TokenKind } from "./token.ts";

/** What the lexer is inside of. */
type Mode =
  | { readonly kind: "normal"; braces: number }
  | { readonly kind: "quoted" }
  | { readonly kind: "heredoc"; readonly marker: string }
  /** A template without any quotes around it: a string of a JSON file. */
  | { readonly kind: "bare" };

/** Take a file of HCL's own syntax apart. @throws {HclError} @see HCL, hclsyntax/spec.md "Lexical Elements" */
export function tokenize(source: Source): readonly Token[] {
  return new Lexer(source, { kind: "normal", braces: 0 }).run();
}

/** Take a template apart that goes from an offset to the end. @throws {HclError} */
export function tokenizeTemplate(source: Source, start: number): readonly Token[] {
  return new Lexer(source, { kind: "bare" }, start).run();
}

const blank = /[ \t\r]+|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const identifier = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const numeral = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const heredoc = /<<(-?)([\p{ID_Start}_][\p{ID_Continue}-]*)\r?\n/uy;

class Lexer {
  readonly #source: Source;
  readonly #text: string;
  readonly #tokens: Token[] = [];
  readonly #modes: Mode[];
  #at: number;

  constructor(source: Source, mode: Mode, start = 0) {
    this.#at = start;
    this.#source = source;
    this.#text = source.text;
    this.#modes = [mode];
  }

  run(): readonly Token[] {
    while (this.#at < this.#text.length) this.#next(this.#mode());
    const open = this.#mode();
    if (open.kind === "quoted" || open.kind === "heredoc")
      throw this.#error(this.#at, "Unterminated template string", "No closing marker was found for the string.");
    this.#add("end", 0);
    return this.#tokens;
  }

  #mode(): Mode {
    const mode = this.#modes.at(-1);
    if (mode === undefined) throw new Error("the lexer lost its mode");
    return mode;
  }

  #next(mode: Mode): void {
    if (mode.kind === "normal") this.#normal(mode);
    else if (mode.kind === "quoted") this.#quoted();
    else if (mode.kind === "bare") this.#template(/(?:[^$%]|\$\$\{|%%\{|\$(?!\{)|%(?!\{))+/y);
    else this.#heredoc(mode.marker);
  }

  #add(kind: TokenKind, length: number): void {
    const start = this.#at;
    this.#at += length;
    this.#tokens.push({ kind, text: this.#text.slice(start, this.#at), start, end: this.#at });
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text) ?? undefined;
  }

  #normal(mode: Extract<Mode, { readonly kind: "normal" }>): void {
    const skipped = this.#match(blank);
    if (skipped !== undefined) {
      this.#at += skipped[0].length;
      return;
    }
    const document = this.#match(heredoc);
    const word = this.#match(identifier);
    const digits = this.#match(numeral);
    if (this.#text[this.#at] === "\n") this.#add("newline", 1);
    else if (this.#text[this.#at] === '"') this.#open("quote-open", 1, { kind: "quoted" });
    else if (document !== undefined)
      this.#open("heredoc-open", document[0].length, { kind: "heredoc", marker: document[2] ?? "" });
    else if (word !== undefined) this.#add("identifier", word[0].length);
    else if (digits !== undefined) this.#add("number", digits[0].length);
    else this.#punctuation(mode);
  }

  #punctuation(mode: Extract<Mode, { readonly kind: "normal" }>): void {
    const ends = mode.braces === 0 && this.#modes.length > 1 ? this.#match(/~?\}/y) : undefined;
    if (ends !== undefined) {
      this.#add("template-end", ends[0].length);
      this.#modes.pop();
      return;
    }
    const sign = punctuation.find((text) => this.#text.startsWith(text, this.#at));
    if (sign === undefined) throw this.#invalid();
    if (sign === "{") mode.braces++;
    if (sign === "}") mode.braces = Math.max(0, mode.braces - 1);
    this.#add(sign, sign.length);
  }

  #open(kind: TokenKind, length: number, mode: Mode): void {
    if (this.#modes.length > bakeLimits.nesting)
      throw this.#error(this.#at, "Too many nested templates", `Templates can be nested ${bakeLimits.nesting} deep.`);
    this.#add(kind, length);
    this.#modes.push(mode);
  }

  #quoted(): void {
    if (this.#text[this.#at] === '"') {
      this.#add("quote-close", 1);
      this.#modes.pop();
      return;
    }
    if (this.#text[this.#at] === "\n")
      throw this.#error(
        this.#at,
        "Invalid multi-line string",
        'Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \\n escape to represent a newline character or use the "heredoc" multi-line template syntax.',
      );
    this.#template(/(?:[^"\\\n$%]|\\[^\n]|\$\$\{|%%\{|\$(?!\{)|%(?!\{))+/y);
  }

  #heredoc(marker: string): void {
    const atLineStart = this.#text[this.#at - 1] === "\n";
    const last = atLineStart ? this.#match(/[ \t]*([^\r\n]*?)[ \t]*(?=\r?\n|$)/y) : undefined;
    if (last !== undefined && last[1] === marker) {
      this.#add("heredoc-close", last[0].length);
      this.#modes.pop();
      return;
    }
    this.#template(/(?:[^\n$%]|\$\$\{|%%\{|\$(?!\{)|%(?!\{))*\n|(?:[^\n$%]|\$\$\{|%%\{|\$(?!\{)|%(?!\{))+/y);
  }

  #template(literal: RegExp): void {
    const opened = this.#match(/([$%])\{~?/y);
    if (opened !== undefined) {
      const kind = opened[1] === "$" ? "interpolation" : "directive";
      this.#open(kind, opened[0].length, { kind: "normal", braces: 0 });
      return;
    }
    const found = this.#match(literal);
    if (found === undefined) throw this.#invalid();
    this.#add("literal", found[0].length);
  }

  #invalid(): HclError {
    const sign = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    if (sign === "'")
      return this.#error(
        this.#at,
        "Invalid character",
        'Single quotes are not valid. Use double quotes (") to enclose strings.',
      );
    if (sign === "&" || sign === "|")
      return this.#error(
        this.#at,
        "Unsupported operator",
        `Bitwise operators are not supported. Did you mean boolean ${sign === "&" ? "AND" : "OR"} ("${sign}${sign}")?`,
      );
    return this.#error(this.#at, "Invalid character", "This character is not used within the language.");
  }

  #error(start: number, summary: string, detail: string): HclError {
    return new HclError({ source: this.#source, start, end: start + 1 }, summary, detail);
  }
}
