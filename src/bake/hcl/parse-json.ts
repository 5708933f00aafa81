import { bool, nullValue, number } from "../value/value.ts";
import type { Attribute, Block, Body, Expression } from "./ast.ts";
import { textLiteral } from "./for-intro.ts";
import { HclError } from "./hcl-error.ts";
import { type JsonMember, type JsonNode, parseJsonText } from "./json-text.ts";
import { parseTemplateText } from "./parse-text.ts";
import { positionOf, type Range, type Source } from "./source.ts";

/** What is a block and not an attribute, by the type of the block around it, and whether it has a label. */
const blockTypes: Readonly<Record<string, Readonly<Record<string, "label" | "plain">>>> = {
  "": { variable: "label", function: "label", target: "label", group: "label" },
  variable: { validation: "plain" },
};

/** Read a file of HCL's JSON syntax, as far as bake definitions use it. @throws {HclError} @see HCL, json/spec.md */
export function parseJson(source: Source): Body {
  return bodyOf([parseJsonText(source)], "");
}

function bodyOf(nodes: readonly JsonNode[], type: string): Body {
  const attributes = new Map<string, Attribute>();
  const blocks: Block[] = [];
  const members = nodes.flatMap((node) => membersOf(node));
  for (const { name, nameRange, value } of members) {
    const kind = blockTypes[type]?.[name];
    if (name === "//") continue;
    if (kind === undefined)
      attributes.set(name, { name, nameRange, expression: expressionOf(value), range: value.range });
    else if (kind === "label") blocks.push(...membersOf(value).flatMap((member) => blocksOf(name, member)));
    else
      blocks.push(
        ...bodiesOf(value, name).map((body) => ({
          type: name,
          labels: [],
          range: nameRange,
          labelRange: nameRange,
          body,
        })),
      );
  }
  const range = nodes[0]?.range;
  if (range === undefined) throw new Error("a body is made of nodes");
  return { attributes, blocks, range };
}

function blocksOf(type: string, { name, nameRange, value }: JsonMember): readonly Block[] {
  return bodiesOf(value, type).map((body) => ({ type, labels: [name], range: nameRange, labelRange: nameRange, body }));
}

function bodiesOf(node: JsonNode, type: string): readonly Body[] {
  if (node.kind === "null") return [];
  return node.kind === "array" ? node.items.map((item) => bodyOf([item], type)) : [bodyOf([node], type)];
}

function membersOf(node: JsonNode): readonly JsonMember[] {
  if (node.kind === "object") return node.members;
  if (node.kind === "array") return node.items.flatMap(membersOf);
  throw new HclError(
    node.range,
    "Incorrect JSON value type",
    "Either a JSON object or a JSON array is required, representing the contents of one or more blocks.",
  );
}

function expressionOf(node: JsonNode): Expression {
  const { range } = node;
  switch (node.kind) {
    case "text":
      return textExpression(node.value, range);
    case "number":
      return { kind: "literal", range, value: number(node.value) };
    case "bool":
      return { kind: "literal", range, value: bool(node.value) };
    case "null":
      return { kind: "literal", range, value: nullValue };
    case "array":
      return { kind: "tuple", range, items: node.items.map(expressionOf) };
    default: {
      const items = node.members.map(({ name, nameRange, value }) => ({
        key: textExpression(name, nameRange),
        value: expressionOf(value),
      }));
      return { kind: "object", range, items };
    }
  }
}

/** A text is a template, and may stand for a name where one is wanted. */
function textExpression(text: string, range: Range): Expression {
  if (!/[$%]\{/.test(text)) return { kind: "template", range, parts: [textLiteral(range, text)], json: text };
  const { source, start } = inPlace(text, range);
  return parseTemplateText(source, start);
}

/** The template with as much before it as gives it its line and column. */
function inPlace(text: string, { source, start }: Range): { readonly source: Source; readonly start: number } {
  const { line, column } = positionOf(source, start);
  const before = "\n".repeat(line - 1) + " ".repeat(column);
  return { source: { name: source.name, text: before + text, whole: source.text }, start: before.length };
}
