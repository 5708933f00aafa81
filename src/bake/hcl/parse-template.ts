import type { Expression, ForExpression } from "./ast.ts";
import { unescapeQuoted, unescapeTemplate } from "./escapes.ts";
import { parseForIntro, textLiteral } from "./for-intro.ts";
import type { Range } from "./source.ts";
import { dedent, type TemplatePiece, trimMarked } from "./template-space.ts";
import type { Token } from "./token.ts";
import type { TokenReader } from "./token-reader.ts";

/** Read `"…"`. @throws {HclError} @see HCL, hclsyntax/spec.md "Template Expressions" */
export function parseQuoted(reader: TokenReader): Expression {
  const open = reader.next();
  const pieces = readPieces(reader, "quote-close");
  reader.next();
  return build(reader, pieces, { range: reader.rangeFrom(open), unescape: (token) => unescapeQuoted(reader, token) });
}

/** Read a here-document. @throws {HclError} */
export function parseHeredoc(reader: TokenReader): Expression {
  const open = reader.next();
  const pieces = readPieces(reader, "heredoc-close");
  reader.next();
  const flush = open.text.startsWith("<<-");
  return build(reader, flush ? dedent(pieces) : pieces, { range: reader.rangeFrom(open), unescape: unescapeTemplate });
}

/** Read a template that goes to the end. @throws {HclError} */
export function parseBare(reader: TokenReader): Expression {
  const open = reader.peek();
  const pieces = readPieces(reader, "end");
  return build(reader, pieces, { range: reader.rangeFrom(open), unescape: unescapeTemplate });
}

/** The texts and sequences of a template, in order. */
function readPieces(reader: TokenReader, end: "quote-close" | "heredoc-close" | "end"): readonly TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  for (;;) {
    const token = reader.peek();
    if (token.kind === end) return pieces;
    reader.next();
    if (token.kind === "literal") pieces.push({ kind: "text", token, text: token.text });
    else if (token.kind === "interpolation") pieces.push(readInterpolation(reader, token));
    else if (token.kind === "directive") pieces.push(readDirective(reader, token));
    else throw reader.error(token, "Unterminated template string", "No closing marker was found for the string.");
  }
}

function readInterpolation(reader: TokenReader, open: Token): TemplatePiece {
  const expression = reader.nested(() => reader.within(false, () => reader.expression()));
  const close = closing(reader, open, "interpolation");
  return { kind: "interpolation", ...close, expression };
}

function readDirective(reader: TokenReader, open: Token): TemplatePiece {
  const read = reader.within(false, () => {
    const word = reader.peek();
    if (word.kind !== "identifier")
      throw reader.error(
        word,
        "Invalid template directive",
        'A template directive keyword ("if", "for", etc) is expected at the beginning of a %{ sequence.',
      );
    switch (word.text) {
      case "for":
        return { word: "for", intro: parseForIntro(reader, "Invalid 'for' directive") } as const;
      case "if":
        reader.next();
        return { word: "if", condition: reader.expression() } as const;
      case "else":
      case "endif":
      case "endfor":
        reader.next();
        return { word: word.text } as const;
      default:
        throw reader.error(
          word,
          "Invalid template control keyword",
          `${JSON.stringify(word.text)} is not a valid template control keyword.`,
        );
    }
  });
  return { kind: "directive", ...closing(reader, open, "directive"), ...read };
}

function closing(
  reader: TokenReader,
  open: Token,
  what: string,
): { readonly range: Range; readonly trimsBefore: boolean; readonly trimsBehind: boolean } {
  const close = reader.within(false, () => reader.peek());
  if (close.kind !== "template-end")
    throw reader.error(
      close,
      what === "directive" ? "Extra characters in directive marker" : "Extra characters after interpolation expression",
      what === "directive"
        ? "Expected a closing brace to end the sequence, but found extra characters."
        : 'Expected a closing brace to end the interpolation expression, but found extra characters.\n\nThis can happen when you include interpolation syntax for another language, such as shell scripting, but forget to escape the interpolation start token. If this is an embedded sequence for another language, escape it by starting with "$${" instead of just "${".',
    );
  reader.within(false, () => reader.next());
  return {
    range: reader.rangeFrom(open),
    trimsBefore: open.text.endsWith("~"),
    trimsBehind: close.text.startsWith("~"),
  };
}

interface BuildOptions {
  readonly range: Range;
  readonly unescape: (token: { readonly text: string; readonly start: number }) => string;
}

function build(reader: TokenReader, pieces: readonly TemplatePiece[], options: BuildOptions): Expression {
  const builder = new TemplateBuilder(reader, trimMarked(pieces), options);
  const parts = builder.parts([]);
  const [only] = parts;
  // A template that is one sequence alone has that one's value, whatever its type.
  if (parts.length === 1 && only !== undefined && builder.isSingleInterpolation)
    return { ...only, range: options.range };
  return { kind: "template", range: options.range, parts };
}

class TemplateBuilder {
  readonly #reader: TokenReader;
  readonly #pieces: readonly TemplatePiece[];
  readonly #options: BuildOptions;
  #at = 0;

  constructor(reader: TokenReader, pieces: readonly TemplatePiece[], options: BuildOptions) {
    this.#reader = reader;
    this.#pieces = pieces;
    this.#options = options;
  }

  get isSingleInterpolation(): boolean {
    return this.#pieces.length === 1 && this.#pieces[0]?.kind === "interpolation";
  }

  /** Everything up to one of the directives that end something, or to the end where there are none. */
  parts(ends: readonly string[]): readonly Expression[] {
    const parts: Expression[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) {
        if (ends.length === 0) return parts;
        throw this.#error(this.#options.range, "Unexpected end of template");
      }
      if (piece.kind === "directive" && ends.includes(piece.word)) return parts;
      this.#at++;
      parts.push(this.#part(piece));
    }
  }

  #part(piece: TemplatePiece): Expression {
    if (piece.kind === "text") {
      const range = this.#reader.rangeOf(piece.token);
      return textLiteral(range, this.#options.unescape({ text: piece.text, start: piece.token.start }));
    }
    if (piece.kind === "interpolation") return piece.expression;
    if (piece.word === "if") return this.#reader.nested(() => this.#if(piece));
    if (piece.word === "for") return this.#reader.nested(() => this.#for(piece));
    throw this.#error(piece.range, `Unexpected ${piece.word} directive`);
  }

  #if(piece: Extract<TemplatePiece, { readonly word: "if" }>): Expression {
    const { range, condition } = piece;
    const whenTrue = this.parts(["else", "endif"]);
    const hasElse = this.#word() === "else";
    this.#at++;
    const whenFalse = hasElse ? this.parts(["endif"]) : [];
    if (hasElse) this.#at++;
    const template = (parts: readonly Expression[]): Expression => ({ kind: "template", range, parts });
    return { kind: "conditional", range, condition, whenTrue: template(whenTrue), whenFalse: template(whenFalse) };
  }

  #for(piece: Extract<TemplatePiece, { readonly word: "for" }>): Expression {
    const { range, intro } = piece;
    const parts = this.parts(["endfor"]);
    this.#at++;
    const value: Expression = { kind: "template", range, parts };
    const values: ForExpression = {
      kind: "for",
      range,
      ...intro,
      key: undefined,
      value,
      condition: undefined,
      grouped: false,
    };
    return { kind: "join", range, values };
  }

  #word(): string | undefined {
    const piece = this.#pieces[this.#at];
    return piece?.kind === "directive" ? piece.word : undefined;
  }

  #error(range: Range, summary: string): Error {
    return this.#reader.error(range, summary, "The control directives within this template are unbalanced.");
  }
}
