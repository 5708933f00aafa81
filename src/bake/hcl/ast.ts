import type { Value } from "../value/value.ts";
import type { Range } from "./source.ts";

/** One step from a value into it. */
export type Step =
  | { readonly kind: "attribute"; readonly name: string; readonly range: Range }
  | { readonly kind: "index"; readonly key: Expression; readonly range: Range };

/** Operators between two values, the loosest first; those of a row bind alike. */
export const binaryOperators = [
  ["||"],
  ["&&"],
  ["==", "!="],
  [">", ">=", "<", "<="],
  ["+", "-"],
  ["*", "/", "%"],
] as const;

/** An operator between two values. */
export type BinaryOperator = (typeof binaryOperators)[number][number];

/** `for` of a tuple, an object or a template. */
export interface ForExpression {
  readonly kind: "for";
  readonly range: Range;
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  /** Of an object; undefined makes a tuple. */
  readonly key: Expression | undefined;
  readonly value: Expression;
  readonly condition: Expression | undefined;
  /** `...`: values of equal keys become lists. */
  readonly grouped: boolean;
}

/** An expression. */
export type Expression =
  | { readonly kind: "literal"; readonly range: Range; readonly value: Value }
  | {
      readonly kind: "template";
      readonly range: Range;
      readonly parts: readonly Expression[];
      /** A string of a JSON file, which may stand for a name. */
      readonly json?: string;
    }
  /** Texts of a `%{ for }` put together. */
  | { readonly kind: "join"; readonly range: Range; readonly values: ForExpression }
  | { readonly kind: "reference"; readonly range: Range; readonly name: string; readonly steps: readonly Step[] }
  | { readonly kind: "steps"; readonly range: Range; readonly target: Expression; readonly steps: readonly Step[] }
  | { readonly kind: "splat"; readonly range: Range; readonly target: Expression; readonly steps: readonly Step[] }
  | {
      readonly kind: "call";
      readonly range: Range;
      readonly name: string;
      readonly nameRange: Range;
      /** Of the name and the parenthesis behind it. */
      readonly openRange: Range;
      readonly closeRange: Range;
      readonly args: readonly Expression[];
      /** `f(list...)` */
      readonly expand: boolean;
    }
  | {
      readonly kind: "conditional";
      readonly range: Range;
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | {
      readonly kind: "binary";
      readonly range: Range;
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: "unary"; readonly range: Range; readonly operator: "!" | "-"; readonly operand: Expression }
  | { readonly kind: "tuple"; readonly range: Range; readonly items: readonly Expression[] }
  | {
      readonly kind: "object";
      readonly range: Range;
      readonly items: readonly { readonly key: Expression; readonly value: Expression }[];
    }
  | { readonly kind: "parentheses"; readonly range: Range; readonly inner: Expression }
  | ForExpression;

/** `name = expression` */
export interface Attribute {
  readonly name: string;
  readonly nameRange: Range;
  readonly expression: Expression;
  readonly range: Range;
}

/** `type "label" { … }` */
export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  /** Of type and labels. */
  readonly range: Range;
  /** Of the first label; that of the type where there is none. */
  readonly labelRange: Range;
  readonly body: Body;
}

/** What a file or a block holds. */
export interface Body {
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly blocks: readonly Block[];
  readonly range: Range;
}

/** Where an expression starts: what HCL underlines of an argument that is wrong. */
export function startOf(expression: Expression): Range {
  const { range } = expression;
  switch (expression.kind) {
    case "template": {
      const [first] = expression.parts;
      return first === undefined ? range : startOf(first);
    }
    case "tuple":
    case "object":
      return { ...range, end: range.start + 1 };
    case "binary":
      return startOf(expression.left);
    case "call":
      return expression.openRange;
    default:
      return range;
  }
}

/** The name that an expression is, where it is one alone: `foo`. A JSON file writes it as a string. */
export function keywordOf(expression: Expression): string | undefined {
  if (expression.kind === "reference" && expression.steps.length === 0) return expression.name;
  if (expression.kind !== "template") return undefined;
  return expression.json !== undefined && /^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(expression.json)
    ? expression.json
    : undefined;
}
