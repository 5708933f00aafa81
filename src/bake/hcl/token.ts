/** Kinds of tokens. Punctuation is its own kind. */
export type TokenKind =
  | "identifier"
  | "number"
  | "newline"
  | "end"
  /** `"` at both ends of a quoted template. */
  | "quote-open"
  | "quote-close"
  /** `<<EOT` and the line break behind it; `<<-EOT` with `text` so. */
  | "heredoc-open"
  | "heredoc-close"
  /** Text of a template as it is written: a line of it, in a here-document. */
  | "literal"
  /** `${` or `${~` */
  | "interpolation"
  /** `%{` or `%{~` */
  | "directive"
  /** `}` or `~}` that ends one of these. */
  | "template-end"
  | Punctuation;

/** What stands for itself. */
export type Punctuation = (typeof punctuation)[number];

/** Longer ones before those that they start with. */
export const punctuation = [
  "...",
  "::",
  "=>",
  "==",
  "!=",
  "<=",
  ">=",
  "&&",
  "||",
  "{",
  "}",
  "[",
  "]",
  "(",
  ")",
  ",",
  ".",
  ":",
  "=",
  "<",
  ">",
  "+",
  "-",
  "*",
  "/",
  "%",
  "!",
  "?",
] as const;

/** A token: what it is, as it is written, and where, in code units. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}
