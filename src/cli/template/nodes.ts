/** A template that was read: what it is made of, and what `{{define}}` named. @see Go's text/template */
export interface Template {
  readonly nodes: readonly Node[];
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** A piece of a template. */
export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | { readonly kind: "break" | "continue" }
  | { readonly kind: "template"; readonly name: string; readonly pipe: Pipe | undefined; readonly at: Position }
  | Control;

/** A block that depends on a value. */
export interface Control {
  readonly kind: "if" | "range" | "with";
  readonly pipe: Pipe;
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Commands joined by `|`: each gets the result of the one before as its last argument. */
export interface Pipe {
  /** Names that `:=` or `=` sets, with their `$`. */
  readonly variables: readonly string[];
  /** True for `=`, which sets a variable that is there. */
  readonly assigns: boolean;
  readonly commands: readonly Command[];
}

/** A value, or a function and its arguments. */
export interface Command {
  /** At least one. */
  readonly operands: readonly Operand[];
  readonly at: Position;
}

/** One word of a command. `fields` are looked up in its value. */
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
