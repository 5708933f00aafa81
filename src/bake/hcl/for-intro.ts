import { text } from "../value/value.ts";
import type { Expression, ForExpression } from "./ast.ts";
import type { Range } from "./source.ts";
import type { TokenReader } from "./token-reader.ts";

/** Whether a tuple or object starts with `for`. */
export function startsFor(reader: TokenReader): boolean {
  const token = reader.peek();
  return token.kind === "identifier" && token.text === "for" && reader.peekSecond().kind === "identifier";
}

/** Read `for k, v in collection` up to the colon or the directive's end. */
export function parseForIntro(
  reader: TokenReader,
  summary: string,
): Pick<ForExpression, "keyName" | "valueName" | "collection"> {
  const kind = summary.includes("directive") ? "For directive" : "For expression";
  const wrong = (detail: string): Error => reader.error(reader.peek(), summary, `${kind} requires ${detail}`);
  reader.next();
  const first = reader.take("identifier");
  if (first === undefined) throw wrong("variable name after 'for'.");
  const second = reader.take(",") === undefined ? undefined : reader.take("identifier");
  if (reader.takeWord("in") === undefined) throw wrong("the 'in' keyword after its name declarations.");
  const collection = reader.expression();
  return second === undefined
    ? { keyName: undefined, valueName: first.text, collection }
    : { keyName: first.text, valueName: second.text, collection };
}

/** A text as an expression. */
export function textLiteral(range: Range, value: string): Expression {
  return { kind: "literal", range, value: text(value) };
}
