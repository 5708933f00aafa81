import { bakeLimits } from "../limits.ts";
import { bool, nullValue, number } from "../value/value.ts";
import { type BinaryOperator, binaryOperators, type Expression, type Step } from "./ast.ts";
import { parseObject, parseTuple } from "./parse-collection.ts";
import { parseHeredoc, parseQuoted } from "./parse-template.ts";
import { across } from "./source.ts";
import type { Token } from "./token.ts";
import type { TokenReader } from "./token-reader.ts";

/** Read an expression. @throws {HclError} in HCL's words @see HCL, hclsyntax/spec.md "Expressions" */
export function parseExpression(reader: TokenReader): Expression {
  return reader.nested(() => parseConditional(reader));
}

function parseConditional(reader: TokenReader): Expression {
  const condition = parseBinary(reader, 0);
  if (reader.take("?") === undefined) return condition;
  const whenTrue = parseExpression(reader);
  if (reader.take(":") === undefined)
    throw reader.error(
      reader.peek(),
      "Missing false expression in conditional",
      "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
    );
  const whenFalse = parseExpression(reader);
  return { kind: "conditional", range: across(condition.range, whenFalse.range), condition, whenTrue, whenFalse };
}

function parseBinary(reader: TokenReader, level: number): Expression {
  const operators: readonly BinaryOperator[] | undefined = binaryOperators[level];
  if (operators === undefined) return parseUnary(reader);
  let left = parseBinary(reader, level + 1);
  for (let length = 1; ; length++) {
    const operator = operators.find((sign) => sign === reader.peek().kind);
    if (operator === undefined) return left;
    if (length > bakeLimits.operators) {
      const detail = `An expression has at most ${bakeLimits.operators} operators in a row.`;
      throw reader.error(reader.peek(), "Expression too long", detail);
    }
    reader.next();
    const right = parseBinary(reader, level + 1);
    left = { kind: "binary", range: across(left.range, right.range), operator, left, right };
  }
}

function parseUnary(reader: TokenReader): Expression {
  const token = reader.peek();
  if (token.kind !== "!" && token.kind !== "-") return parsePostfix(reader);
  const operator = token.kind;
  reader.next();
  const operand = reader.nested(() => parseUnary(reader));
  return { kind: "unary", range: across(reader.rangeOf(token), operand.range), operator, operand };
}

function parsePostfix(reader: TokenReader): Expression {
  let target = parseTerm(reader);
  for (;;) {
    const splat = takeSplat(reader);
    const steps = readSteps(reader, splat === ".");
    if (splat === undefined && steps.length === 0) return target;
    const range = reader.rangeFrom(target.range);
    if (splat !== undefined) target = { kind: "splat", range, target, steps };
    else if (target.kind === "reference") target = { ...target, range, steps: [...target.steps, ...steps] };
    else target = { kind: "steps", range, target, steps };
  }
}

/** `.*` and `[*]`: what stands behind goes into each element, behind `.*` attributes alone. */
function takeSplat(reader: TokenReader): "." | "[" | undefined {
  const token = reader.peek();
  if ((token.kind !== "." && token.kind !== "[") || reader.peekSecond().kind !== "*") return undefined;
  reader.next();
  reader.next();
  if (token.kind === "[" && reader.take("]") === undefined)
    throw reader.error(
      reader.peek(),
      "Missing close bracket on splat index",
      'The star for a full splat operator must be immediately followed by a closing bracket ("]").',
    );
  return token.kind;
}

function readSteps(reader: TokenReader, onlyAttributes: boolean): readonly Step[] {
  const steps: Step[] = [];
  for (;;) {
    const token = reader.peek();
    if (reader.peekSecond().kind === "*") return steps;
    if (token.kind === ".") steps.push(...readAttribute(reader));
    else if (token.kind === "[" && !onlyAttributes) steps.push(readIndex(reader));
    else return steps;
  }
}

function readAttribute(reader: TokenReader): readonly Step[] {
  const dot = reader.next();
  const name = reader.next();
  const range = reader.rangeFrom(dot);
  if (name.kind === "identifier") return [{ kind: "attribute", name: name.text, range }];
  // The old form of an index: `.0`, and `.0.1`, which looks like one number.
  if (name.kind === "number" && /^\d+(\.\d+)?$/.test(name.text)) {
    return name.text.split(".").map((digits): Step => {
      const key: Expression = { kind: "literal", range, value: number(Number(digits)) };
      return { kind: "index", key, range };
    });
  }
  throw reader.error(name, "Invalid attribute name", "An attribute name is required after a dot.");
}

function readIndex(reader: TokenReader): Step {
  const open = reader.next();
  const key = reader.within(false, () => {
    const inner = parseExpression(reader);
    if (reader.peek().kind !== "]")
      throw reader.error(
        reader.peek(),
        "Missing close bracket on index",
        'The index operator must end with a closing bracket ("]").',
      );
    return inner;
  });
  reader.next();
  return { kind: "index", key, range: reader.rangeFrom(open) };
}

function parseTerm(reader: TokenReader): Expression {
  const token = reader.peek();
  switch (token.kind) {
    case "(":
      return parseParentheses(reader);
    case "number":
      return parseNumber(reader);
    case "identifier":
      return parseName(reader);
    case "quote-open":
      return parseQuoted(reader);
    case "heredoc-open":
      return parseHeredoc(reader);
    case "[":
      return parseTuple(reader);
    case "{":
      return parseObject(reader);
    case "end":
      throw reader.error(
        token,
        "Missing expression",
        "Expected the start of an expression, but found the end of the file.",
      );
    default:
      throw reader.error(
        token,
        "Invalid expression",
        "Expected the start of an expression, but found an invalid expression token.",
      );
  }
}

function parseParentheses(reader: TokenReader): Expression {
  const open = reader.next();
  const inner = reader.within(false, () => {
    const expression = parseExpression(reader);
    if (reader.peek().kind !== ")")
      throw reader.error(
        reader.peek(),
        "Unbalanced parentheses",
        "Expected a closing parenthesis to terminate the expression.",
      );
    return expression;
  });
  reader.next();
  return { kind: "parentheses", range: reader.rangeFrom(open), inner };
}

function parseNumber(reader: TokenReader): Expression {
  const token = reader.next();
  const value = Number(token.text);
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw reader.error(token, "Invalid number literal", "A whole number has at most 15 digits here.");
  return { kind: "literal", range: reader.rangeOf(token), value: number(value) };
}

function parseName(reader: TokenReader): Expression {
  const token = reader.next();
  const range = reader.rangeOf(token);
  if (reader.peek().kind === "(") return parseCall(reader, token);
  switch (token.text) {
    case "true":
    case "false":
      return { kind: "literal", range, value: bool(token.text === "true") };
    case "null":
      return { kind: "literal", range, value: nullValue };
    default:
      return { kind: "reference", range, name: token.text, steps: [] };
  }
}

function parseCall(reader: TokenReader, name: Token): Expression {
  reader.next();
  const openRange = reader.rangeFrom(name);
  const args: Expression[] = [];
  const expand = reader.within(false, () => readArguments(reader, name, args));
  const closeRange = reader.rangeOf(reader.next());
  return {
    kind: "call",
    range: reader.rangeFrom(name),
    name: name.text,
    nameRange: reader.rangeOf(name),
    openRange,
    closeRange,
    args,
    expand,
  };
}

/** @returns whether the last one is to be expanded */
function readArguments(reader: TokenReader, name: Token, args: Expression[]): boolean {
  while (reader.peek().kind !== ")") {
    args.push(parseExpression(reader));
    const behind = reader.peek();
    if (behind.kind === "...") {
      reader.next();
      if (reader.peek().kind === ")") return true;
      throw reader.error(
        reader.peek(),
        "Missing closing parenthesis",
        "An expanded function argument (with ...) must be immediately followed by closing parentheses.",
      );
    }
    if (behind.kind === ")") break;
    if (behind.kind === "end")
      throw reader.error(
        name,
        "Unterminated function call",
        "There is no closing parenthesis for this function call before the end of the file. This may be caused by incorrect parenthesis nesting elsewhere in this file.",
      );
    if (reader.take(",") === undefined)
      throw reader.error(
        behind,
        "Missing argument separator",
        "A comma is required to separate each function argument from the next.",
      );
  }
  return false;
}
