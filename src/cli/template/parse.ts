import { functions } from "./functions.ts";
import { lex, type Token } from "./lex.ts";
import { type Node, type Operand, type Pipe, TemplateError } from "./nodes.ts";

/** Deepest nesting of blocks and parentheses: templates come from the command line, but scripts build them. */
const deepest = 100;

/** Read a template in Go's language: fields, variables, pipes, `if`, `range`, `with`, and Docker's functions. @throws {TemplateError} with Go's text */
export function parseTemplate(source: string): readonly Node[] {
  const parser: Parser = { source, tokens: [...lex(source)], depth: 0 };
  const { nodes, stop } = parseBlock(parser);
  if (stop !== undefined) throw failure(parser, `unexpected {{${stop}}}`);
  return nodes;
}

interface Parser {
  readonly source: string;
  readonly tokens: Token[];
  depth: number;
}

type Stop = "end" | "else" | undefined;

function parseBlock(parser: Parser): { readonly nodes: readonly Node[]; readonly stop: Stop } {
  if (++parser.depth > deepest) throw failure(parser, "max expression depth exceeded");
  const nodes: Node[] = [];
  let stop: Stop;
  for (let token = parser.tokens.shift(); token !== undefined; token = parser.tokens.shift()) {
    if (token.kind === "word" && isStop(token.text)) {
      stop = token.text;
      break;
    }
    nodes.push(parseNode(parser, token));
  }
  parser.depth--;
  return { nodes, stop };
}

function parseNode(parser: Parser, first: Token): Node {
  if (first.kind === "text") return { kind: "text", text: first.text };
  if (first.kind === "word" && isBlock(first.text)) return parseControl(parser, first.text);
  parser.tokens.unshift(first);
  const pipe = parsePipe(parser);
  expectEnd(parser);
  return { kind: "action", pipe };
}

const isStop = (word: string): word is "end" | "else" => word === "end" || word === "else";
const isBlock = (word: string): word is "if" | "range" | "with" => ["if", "range", "with"].includes(word);

function parseControl(parser: Parser, kind: "if" | "range" | "with"): Node {
  const pipe = parsePipe(parser);
  expectEnd(parser);
  const { nodes: body, stop } = parseBlock(parser);
  if (stop === undefined) throw failure(parser, "unexpected EOF");
  if (stop === "end") {
    expectEnd(parser);
    return { kind, pipe, body, otherwise: [] };
  }
  return { kind, pipe, body, otherwise: parseElse(parser) };
}

/** What follows `{{else`: another condition, or a block and its `{{end}}`. */
function parseElse(parser: Parser): readonly Node[] {
  const next = parser.tokens[0];
  if (next?.kind === "word" && isBlock(next.text)) {
    parser.tokens.shift();
    return [parseControl(parser, next.text)];
  }
  expectEnd(parser);
  const { nodes, stop } = parseBlock(parser);
  if (stop !== "end") throw failure(parser, stop === undefined ? "unexpected EOF" : "expected end; found {{else}}");
  expectEnd(parser);
  return nodes;
}

function parsePipe(parser: Parser): Pipe {
  const variables = parseVariables(parser);
  const commands: Operand[][] = [[]];
  for (;;) {
    const token = parser.tokens[0];
    if (token === undefined || token.kind === "end" || token.text === ")") break;
    if (token.text === "|") {
      parser.tokens.shift();
      commands.push([]);
    } else commands.at(-1)?.push(parseOperand(parser));
  }
  if (commands.some((command) => command.length === 0)) {
    throw failure(parser, commands.length === 1 ? "missing value for command" : "missing value for pipeline");
  }
  return { variables, commands };
}

/** `$x :=`, `$i, $x :=`, `$x =` at the beginning of a pipe. */
function parseVariables({ tokens }: Parser): readonly string[] {
  const [first, sign, second, assign] = tokens;
  if (first?.kind !== "variable") return [];
  if (sign?.text === ":=" || sign?.text === "=") {
    tokens.splice(0, 2);
    return [first.text];
  }
  if (sign?.text !== "," || second?.kind !== "variable" || assign?.text !== ":=") return [];
  tokens.splice(0, 4);
  return [first.text, second.text];
}

function parseOperand(parser: Parser): Operand {
  const token = parser.tokens.shift();
  if (token === undefined) throw failure(parser, "unclosed action");
  const fields: string[] = token.kind === "field" ? [token.text.slice(1)] : [];
  const value = parseValue(parser, token);
  let position = token.at;
  let end = token.at + token.text.length;
  for (let next = parser.tokens[0]; next?.kind === "field" && adjoins(parser, next); next = parser.tokens[0]) {
    if (fields.length <= 1) position = next.at;
    fields.push(next.text.slice(1));
    end = next.at + next.text.length;
    parser.tokens.shift();
  }
  const before = parser.source.slice(0, position).split("\n");
  const at = { line: before.length, column: before.at(-1)?.length ?? 0, source: parser.source.slice(token.at, end) };
  return { value, fields, at };
}

/** A field belongs to what stands right before it; behind a space it is an operand of its own. */
function adjoins({ source }: Parser, token: Token): boolean {
  return !/\s/.test(source.charAt(token.at - 1));
}

function parseValue(parser: Parser, token: Token): Operand["value"] {
  switch (token.kind) {
    case "field":
    case "dot":
      return { kind: "dot" };
    case "variable":
      return { kind: "variable", name: token.text };
    case "string":
      return { kind: "literal", value: stringOf(parser, token.text) };
    case "number":
      return { kind: "literal", value: numberOf(parser, token.text) };
    case "word":
      return wordOf(parser, token.text);
    case "sign":
      if (token.text === "(") return parenthesis(parser);
      throw failure(parser, `unexpected ${JSON.stringify(token.text)} in operand`);
    case "text":
    case "end":
      throw failure(parser, "unexpected end of action");
    default:
      return token.kind satisfies never;
  }
}

function parenthesis(parser: Parser): Operand["value"] {
  if (++parser.depth > deepest) throw failure(parser, "max expression depth exceeded");
  const pipe = parsePipe(parser);
  if (parser.tokens.shift()?.text !== ")") throw failure(parser, "unclosed left paren");
  parser.depth--;
  return { kind: "pipe", pipe };
}

function wordOf(parser: Parser, word: string): Operand["value"] {
  if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
  if (word === "nil") return { kind: "literal", value: null };
  if (!functions.has(word)) throw failure(parser, `function ${JSON.stringify(word)} not defined`);
  return { kind: "function", name: word };
}

function stringOf(parser: Parser, text: string): string {
  if (text.startsWith("`")) return text.slice(1, -1);
  try {
    return String(JSON.parse(text.replaceAll("\t", "\\t")));
  } catch (error) {
    if (error instanceof SyntaxError) throw failure(parser, `invalid syntax: ${text}`);
    throw error;
  }
}

function numberOf(parser: Parser, text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (Number.isNaN(value)) throw failure(parser, `bad number syntax: ${JSON.stringify(text)}`);
  return value;
}

function expectEnd(parser: Parser): void {
  const token = parser.tokens.shift();
  if (token?.kind !== "end")
    throw failure(
      parser,
      token === undefined ? "unclosed action" : `unexpected ${JSON.stringify(token.text)} in input`,
    );
}

function failure({ source, tokens }: Parser, message: string): TemplateError {
  const line = source.slice(0, tokens[0]?.at ?? source.length).split("\n").length;
  return new TemplateError(`template: :${line}: ${message}`);
}
