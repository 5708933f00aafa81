/** What a template is made of. @see Go's text/template */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "range" | "with";
      readonly pipe: Pipe;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Commands joined by `|`: each gets the result of the one before as its last argument. */
export interface Pipe {
  /** Names that `:=` or `=` sets, with their `$`. */
  readonly variables: readonly string[];
  readonly commands: readonly (readonly Operand[])[];
}

/** One word of a command. `fields` are looked up in its value. `at` is its offset in the template. */
export interface Operand {
  readonly value:
    | { readonly kind: "dot" }
    | { readonly kind: "variable"; readonly name: string }
    | { readonly kind: "function"; readonly name: string }
    | { readonly kind: "literal"; readonly value: string | number | boolean | null }
    | { readonly kind: "pipe"; readonly pipe: Pipe };
  readonly fields: readonly string[];
  readonly at: Position;
}

/** A place in a template as Go reports it: line from 1, column from 0. */
export interface Position {
  readonly line: number;
  readonly column: number;
  /** What is written there. */
  readonly source: string;
}

/** A template that is malformed or doesn't fit its data; the message is Go's. */
export class TemplateError extends Error {
  override readonly name: string = "TemplateError";
}
