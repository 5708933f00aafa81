import type { Attribute, Block, Body } from "./ast.ts";
import { tokenize } from "./lexer.ts";
import { parseExpression } from "./parse-expression.ts";
import { placeOf, type Source } from "./source.ts";
import type { Token } from "./token.ts";
import { TokenReader } from "./token-reader.ts";

/** Read a file of HCL's own syntax. @throws {HclError} in HCL's words @see HCL, hclsyntax/spec.md "Structural Elements" */
export function parseHcl(source: Source): Body {
  const reader = new TokenReader(source, tokenize(source), parseExpression);
  return readBody(reader, { end: "end", open: reader.peek() });
}

function readBody(reader: TokenReader, { end, open }: { readonly end: "end" | "}"; readonly open: Token }): Body {
  const attributes = new Map<string, Attribute>();
  const blocks: Block[] = [];
  for (;;) {
    reader.skipNewlines();
    const token = reader.peek();
    if (token.kind === end) break;
    if (token.kind === "end") throw unclosed(reader, open);
    const item = readItem(reader);
    if ("labels" in item) blocks.push(item);
    else addAttribute(reader, attributes, item);
  }
  const last = reader.next();
  return { attributes, blocks, range: reader.rangeOf({ start: open.start, end: last.end }) };
}

function unclosed(reader: TokenReader, open: Token): Error {
  return reader.error(
    open,
    "Unclosed configuration block",
    "There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file.",
  );
}

function addAttribute(reader: TokenReader, attributes: Map<string, Attribute>, attribute: Attribute): void {
  const known = attributes.get(attribute.name);
  if (known !== undefined)
    throw reader.error(
      attribute.nameRange,
      "Attribute redefined",
      `The argument ${JSON.stringify(attribute.name)} was already set at ${placeOf(known.nameRange)}. Each argument may be set only once.`,
    );
  attributes.set(attribute.name, attribute);
}

function readItem(reader: TokenReader): Attribute | Block {
  const name = reader.next();
  if (name.kind === "quote-open")
    throw reader.error(name, "Invalid argument name", "Argument names must not be quoted.");
  if (name.kind !== "identifier")
    throw reader.error(
      name,
      "Argument or block definition required",
      "An argument or block definition is required here.",
    );
  const sign = reader.peek().kind;
  if (sign === "=") {
    const attribute = readAttribute(reader, name);
    endOfLine(reader, "Missing newline after argument", "An argument definition must end with a newline.");
    return attribute;
  }
  if (sign === "quote-open" || sign === "{" || sign === "identifier") return readBlock(reader, name);
  throw reader.error(
    reader.peek(),
    "Argument or block definition required",
    'An argument or block definition is required here. To set an argument, use the equals sign "=" to introduce the argument value.',
  );
}

function readAttribute(reader: TokenReader, name: Token): Attribute {
  reader.next();
  const expression = parseExpression(reader);
  return { name: name.text, nameRange: reader.rangeOf(name), expression, range: reader.rangeFrom(name) };
}

function endOfLine(reader: TokenReader, summary: string, detail: string): void {
  const token = reader.peek();
  if (token.kind === "end" || reader.take("newline") !== undefined) return;
  throw reader.error(token, summary, detail);
}

function readBlock(reader: TokenReader, type: Token): Block {
  const labels: string[] = [];
  let labelRange = reader.rangeOf(type);
  while (reader.peek().kind !== "{") {
    const first = reader.peek();
    labels.push(readLabel(reader));
    if (labels.length === 1) labelRange = reader.rangeFrom(first);
  }
  const range = reader.rangeFrom(type);
  const open = reader.next();
  const body = reader.nested(() =>
    reader.peek().kind === "newline" || reader.peek().kind === "}"
      ? readBody(reader, { end: "}", open })
      : readSingle(reader, open),
  );
  endOfLine(reader, "Missing newline after block definition", "A block definition must end with a newline.");
  return { type: type.text, labels, range, labelRange, body };
}

function readLabel(reader: TokenReader): string {
  const token = reader.next();
  if (token.kind === "identifier") return token.text;
  if (token.kind !== "quote-open") {
    const summary = "Invalid block definition";
    throw token.kind === "="
      ? reader.error(
          token,
          summary,
          'The equals sign "=" indicates an argument definition, and must not be used when defining a block.',
        )
      : reader.error(token, summary, 'Either a quoted string block label or an opening brace ("{") is expected here.');
  }
  const literal = reader.take("literal");
  if (reader.take("quote-close") === undefined)
    throw reader.error(reader.peek(), "Invalid string literal", "This item is not valid in a string literal.");
  return literal?.text ?? "";
}

/** A block in one line, with one argument. */
function readSingle(reader: TokenReader, open: Token): Body {
  const name = reader.next();
  if (name.kind !== "identifier" || reader.peek().kind !== "=")
    throw reader.error(
      name,
      "Argument definition required",
      "A single-line block definition can contain only a single argument.",
    );
  const attribute = readAttribute(reader, name);
  if (reader.take("}") === undefined) {
    const detail =
      reader.peek().kind === ","
        ? "Single-line block syntax can include only one argument definition. To define multiple arguments, use the multi-line block syntax with one argument definition per line."
        : "An argument definition on the same line as its containing block creates a single-line block definition, which must also be closed on the same line. Place the block's closing brace immediately after the argument definition.";
    throw reader.error(reader.peek(), "Invalid single-argument block definition", detail);
  }
  return { attributes: new Map([[attribute.name, attribute]]), blocks: [], range: reader.rangeFrom(open) };
}
