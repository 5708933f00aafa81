import type { Expression, ForExpression } from "./ast.ts";
import { parseForIntro, startsFor, textLiteral } from "./for-intro.ts";
import type { Token } from "./token.ts";
import type { TokenReader } from "./token-reader.ts";

/** Read `[a, b]` or `[for …]`. @throws {HclError} */
export function parseTuple(reader: TokenReader): Expression {
  const open = reader.next();
  return reader.within(false, () => {
    if (startsFor(reader)) return parseFor(reader, open, "]");
    const items: Expression[] = [];
    while (reader.peek().kind !== "]") {
      items.push(reader.expression());
      if (reader.take(",") !== undefined || reader.peek().kind === "]") continue;
      throw unseparated(reader, open);
    }
    reader.next();
    return { kind: "tuple", range: reader.rangeFrom(open), items };
  });
}

function unseparated(reader: TokenReader, open: Token): Error {
  return reader.peek().kind === "end"
    ? reader.error(
        open,
        "Unterminated tuple constructor expression",
        "There is no corresponding closing bracket before the end of the file. This may be caused by incorrect bracket nesting elsewhere in this file.",
      )
    : reader.error(reader.peek(), "Missing item separator", "Expected a comma to mark the beginning of the next item.");
}

/** Read `{a = b}` or `{for …}`; line breaks separate as commas do. @throws {HclError} */
export function parseObject(reader: TokenReader): Expression {
  const open = reader.next();
  if (reader.within(false, () => startsFor(reader))) return reader.within(false, () => parseFor(reader, open, "}"));
  return reader.within(true, () => {
    const items: { readonly key: Expression; readonly value: Expression }[] = [];
    for (;;) {
      reader.skipNewlines();
      if (reader.take("}") !== undefined) return { kind: "object", range: reader.rangeFrom(open), items };
      items.push(readItem(reader, open));
      if (reader.peek().kind === "}" || reader.take(",") !== undefined || reader.take("newline") !== undefined)
        continue;
      if (reader.peek().kind === "end") throw unclosed(reader, open);
      throw reader.error(
        reader.peek(),
        "Missing attribute separator",
        "Expected a newline or comma to mark the beginning of the next attribute.",
      );
    }
  });
}

function unclosed(reader: TokenReader, open: Token): Error {
  return reader.error(
    open,
    "Unterminated object constructor expression",
    "There is no corresponding closing brace before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file.",
  );
}

function readItem(reader: TokenReader, open: Token): { readonly key: Expression; readonly value: Expression } {
  if (reader.peek().kind === "end") throw unclosed(reader, open);
  const key = readKey(reader);
  const sign = reader.peek();
  if (sign.kind === "end") throw unclosed(reader, open);
  if (sign.kind === "newline" || sign.kind === "," || sign.kind === "}")
    throw reader.error(
      sign,
      "Missing attribute value",
      'Expected an attribute value, introduced by an equals sign ("=").',
    );
  if (sign.kind !== "=" && sign.kind !== ":")
    throw reader.error(
      sign,
      "Missing key/value separator",
      'Expected an equals sign ("=") to mark the beginning of the attribute value.',
    );
  reader.next();
  const value = reader.expression();
  return { key, value };
}

/** A bare name is the key itself; a reference has to stand in parentheses. */
function readKey(reader: TokenReader): Expression {
  const name = reader.peek();
  const sign = reader.peekSecond().kind;
  if (name.kind === "identifier" && (sign === "=" || sign === ":")) {
    reader.next();
    return textLiteral(reader.rangeOf(name), name.text);
  }
  const key = reader.expression();
  if (key.kind !== "reference" || key.steps.length === 0) return key;
  throw reader.error(
    key.range,
    "Ambiguous attribute key",
    "If this expression is intended to be a reference, wrap it in parentheses. If it's instead intended as a literal name containing periods, wrap it in quotes to create a string literal.",
  );
}

function parseFor(reader: TokenReader, open: Token, close: "]" | "}"): ForExpression {
  const summary = "Invalid 'for' expression";
  const wrong = (detail: string): Error => reader.error(reader.peek(), summary, detail);
  const intro = parseForIntro(reader, summary);
  if (reader.take(":") === undefined) throw wrong("For expression requires a colon after the collection expression.");
  const first = reader.expression();
  const second = reader.take("=>") === undefined ? undefined : reader.expression();
  const grouped = reader.take("...") !== undefined;
  const condition = reader.takeWord("if") === undefined ? undefined : reader.expression();
  if (reader.peek().kind !== close) throw wrong("Extra characters after the end of the 'for' expression.");
  if (close === "]" && second !== undefined) throw wrong("Key expression is not valid when building a tuple.");
  if (close === "]" && grouped) throw wrong("Grouping ellipsis (...) cannot be used when building a tuple.");
  if (close === "}" && second === undefined) throw wrong("Key expression is required when building an object.");
  reader.next();
  const [key, value] = second === undefined ? [undefined, first] : [first, second];
  return { kind: "for", range: reader.rangeFrom(open), ...intro, key, value, condition, grouped };
}
