import { bakeLimits } from "../limits.ts";
import type { Expression } from "./ast.ts";
import { HclError } from "./hcl-error.ts";
import type { Range, Source } from "./source.ts";
import type { Token, TokenKind } from "./token.ts";

/** Reads tokens one by one. Inside of brackets line breaks mean nothing, and are passed over. */
export class TokenReader {
  readonly source: Source;
  readonly #tokens: readonly Token[];
  readonly #parse: (reader: TokenReader) => Expression;
  #at = 0;
  #depth = 0;
  /** Whether line breaks count, by bracket. */
  readonly #newlines: boolean[] = [true];

  /** @param parse reads an expression: what brackets and templates hold */
  constructor(source: Source, tokens: readonly Token[], parse: (reader: TokenReader) => Expression) {
    this.source = source;
    this.#tokens = tokens;
    this.#parse = parse;
  }

  peek(): Token {
    if (this.#newlines.at(-1) !== true) this.#skipNewlines();
    return this.#token(this.#at);
  }

  /** The token behind the next one. */
  peekSecond(): Token {
    this.peek();
    return this.#token(this.#at + 1);
  }

  next(): Token {
    const token = this.peek();
    if (this.#at < this.#tokens.length - 1) this.#at++;
    return token;
  }

  /** Take the next token if it is of this kind. */
  take(kind: TokenKind): Token | undefined {
    return this.peek().kind === kind ? this.next() : undefined;
  }

  /** Take the next token if it is this name. */
  takeWord(word: string): Token | undefined {
    const token = this.peek();
    return token.kind === "identifier" && token.text === word ? this.next() : undefined;
  }

  /** Read an expression. @throws {HclError} */
  expression(): Expression {
    return this.#parse(this);
  }

  skipNewlines(): void {
    this.#skipNewlines();
  }

  #skipNewlines(): void {
    while (this.#token(this.#at).kind === "newline") this.#at++;
  }

  /** Read something inside of which line breaks count or not. */
  within<T>(newlines: boolean, body: () => T): T {
    this.#newlines.push(newlines);
    try {
      return body();
    } finally {
      this.#newlines.pop();
    }
  }

  /** Read something that may hold itself. @throws {HclError} */
  nested<T>(body: () => T): T {
    this.#depth++;
    if (this.#depth > bakeLimits.nesting) {
      const detail = `Expressions and blocks can be nested ${bakeLimits.nesting} deep.`;
      throw this.error(this.peek(), "Too deeply nested", detail);
    }
    try {
      return body();
    } finally {
      this.#depth--;
    }
  }

  #token(index: number): Token {
    const token = this.#tokens[Math.min(index, this.#tokens.length - 1)];
    if (token === undefined) throw new Error("a list of tokens has an end token");
    return token;
  }

  rangeOf({ start, end }: { readonly start: number; readonly end: number }): Range {
    return { source: this.source, start, end };
  }

  /** From a token to the last one that was read. */
  rangeFrom({ start }: { readonly start: number }): Range {
    return { source: this.source, start, end: this.#token(this.#at - 1).end };
  }

  error(at: { readonly start: number; readonly end: number }, summary: string, detail: string): HclError {
    return new HclError(this.rangeOf(at), summary, detail);
  }
}
