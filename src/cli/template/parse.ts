import { functions, lazyFunctions } from "./functions.ts";
import { lex, type Token } from "./lex.ts";
import { characterOf, numberOf, stringOf } from "./literals.ts";
import {
  type Command,
  type Node,
  type Operand,
  type Pipe,
  type Position,
  type Template,
  TemplateError,
} from "./nodes.ts";

/** Deepest nesting of blocks and parentheses: templates come from the command line, but scripts build them. */
const deepest = 100;

/** Read a template in Go's language: fields, variables, pipes, `if`, `range`, `with`, and Docker's functions. @throws {TemplateError} with Go's text */
export function parseTemplate(source: string): Template {
  const parser: Parser = { source, tokens: [...lex(source)], variables: ["$"], named: new Map(), depth: 0, ranges: 0 };
  const { nodes, stop } = parseBlock(parser);
  if (stop !== undefined) throw failure(parser, `unexpected {{${stop}}}`);
  return { nodes, named: parser.named };
}

interface Parser {
  readonly source: string;
  readonly tokens: Token[];
  /** Those that are known here. */
  readonly variables: string[];
  readonly named: Map<string, readonly Node[]>;
  depth: number;
  /** How many `range` blocks are open. */
  ranges: number;
}

type Stop = "end" | "else" | undefined;
type Word = (parser: Parser, at: number) => Node;

/** Words that begin an action of their own. */
const words: ReadonlyMap<string, Word> = new Map<string, Word>([
  ["if", (parser) => parseControl(parser, "if")],
  ["range", (parser) => parseControl(parser, "range")],
  ["with", (parser) => parseControl(parser, "with")],
  ["break", (parser) => parseJump(parser, "break")],
  ["continue", (parser) => parseJump(parser, "continue")],
  ["define", parseDefine],
  ["template", parseCall],
  ["block", parseInlineBlock],
]);

function parseBlock(parser: Parser): { readonly nodes: readonly Node[]; readonly stop: Stop } {
  if (++parser.depth > deepest) throw failure(parser, "max expression depth exceeded");
  const known = parser.variables.length;
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
  parser.variables.length = known;
  return { nodes, stop };
}

function parseNode(parser: Parser, first: Token): Node {
  if (first.kind === "text") return { kind: "text", text: first.text };
  const word = first.kind === "word" ? words.get(first.text) : undefined;
  if (word !== undefined) return word(parser, first.at);
  parser.tokens.unshift(first);
  const pipe = parsePipe(parser, "command");
  expectEnd(parser);
  return { kind: "action", pipe };
}

const isStop = (word: string): word is "end" | "else" => word === "end" || word === "else";
const isBlock = (word: string): word is "if" | "with" => word === "if" || word === "with";

function parseControl(parser: Parser, kind: "if" | "range" | "with"): Node {
  const known = parser.variables.length;
  const pipe = parsePipe(parser, kind);
  expectEnd(parser);
  const ranges = kind === "range" ? 1 : 0;
  parser.ranges += ranges;
  const { nodes: body, stop } = parseBlock(parser);
  parser.ranges -= ranges;
  if (stop === undefined) throw failure(parser, "unexpected EOF");
  let otherwise: readonly Node[] = [];
  if (stop === "end") expectEnd(parser);
  else otherwise = parseElse(parser);
  parser.variables.length = known;
  return { kind, pipe, body, otherwise };
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

function parseJump(parser: Parser, kind: "break" | "continue"): Node {
  if (parser.ranges === 0) throw failure(parser, `{{${kind}}} outside {{range}}`);
  expectEnd(parser);
  return { kind };
}

function parseDefine(parser: Parser): Node {
  const name = parseName(parser, "define clause");
  expectEnd(parser);
  const outer = parser.variables.splice(1);
  const { nodes, stop } = parseBlock(parser);
  if (stop !== "end")
    throw failure(parser, stop === undefined ? "unexpected EOF" : "unexpected {{else}} in define clause");
  expectEnd(parser);
  parser.variables.push(...outer);
  parser.named.set(name, nodes);
  return { kind: "text", text: "" };
}

/** `{{block "x" .}}…{{end}}` is `define` and `template` in one. */
function parseInlineBlock(parser: Parser): Node {
  const at = parser.tokens[0]?.at ?? 0;
  const name = parseName(parser, "block clause");
  const pipe = parsePipe(parser, "block clause");
  expectEnd(parser);
  const { nodes, stop } = parseBlock(parser);
  if (stop !== "end")
    throw failure(parser, stop === undefined ? "unexpected EOF" : "unexpected {{else}} in block clause");
  expectEnd(parser);
  parser.named.set(name, nodes);
  return {
    kind: "template",
    name,
    pipe,
    at: { ...positionOf(parser, at), source: `{{template ${JSON.stringify(name)}}}` },
  };
}

function parseCall(parser: Parser): Node {
  const at = parser.tokens[0]?.at ?? 0;
  const name = parseName(parser, "template clause");
  const pipe = parser.tokens[0]?.kind === "end" ? undefined : parsePipe(parser, "template");
  expectEnd(parser);
  return {
    kind: "template",
    name,
    pipe,
    at: { ...positionOf(parser, at), source: `{{template ${JSON.stringify(name)}}}` },
  };
}

function parseName(parser: Parser, where: string): string {
  const token = parser.tokens.shift();
  if (token?.kind === "string") return stringOf(token.text) ?? "";
  throw failure(parser, `unexpected ${JSON.stringify(token?.text ?? "EOF")} in ${where}`);
}

/** @param what the word that the pipe belongs to, for errors */
function parsePipe(parser: Parser, what: string): Pipe {
  const declared = parseVariables(parser);
  const commands: Command[] = [];
  while (!endsPipe(parser)) {
    if (parser.tokens[0]?.text === "|" && parser.tokens[0].kind === "sign") throw unexpected(parser, "command");
    commands.push(parseCommand(parser));
  }
  if (commands.length === 0) throw failure(parser, `missing value for ${what}`);
  const idle = commands.findIndex(({ operands }, index) => index > 0 && isIdle(operands[0]));
  if (idle > 0) throw failure(parser, `non executable command in pipeline stage ${idle + 1}`);
  for (const name of declared.variables) if (!declared.assigns) parser.variables.push(name);
  return { ...declared, commands };
}

/** A value that takes no argument: it can only begin a pipe. */
function isIdle(operand: Operand | undefined): boolean {
  const { kind } = operand?.value ?? { kind: "dot" };
  return operand?.fields.length === 0 && (kind === "literal" || kind === "dot");
}

function endsPipe({ tokens }: Parser): boolean {
  const [token] = tokens;
  return token === undefined || token.kind === "end" || (token.kind === "sign" && token.text === ")");
}

/** Operands up to the next `|`, which is taken along. */
function parseCommand(parser: Parser): Command {
  const operands: Operand[] = [];
  const from = parser.tokens[0]?.at ?? 0;
  while (!endsPipe(parser) && !(parser.tokens[0]?.kind === "sign" && parser.tokens[0].text === "|")) {
    operands.push(parseOperand(parser));
  }
  const source = parser.source.slice(from, parser.tokens[0]?.at).trimEnd();
  if (parser.tokens[0]?.text === "|") parser.tokens.shift();
  return { operands, at: { ...positionOf(parser, from), source } };
}

/** `$x :=`, `$i, $x :=`, `$x =` at the beginning of a pipe. */
function parseVariables(parser: Parser): Pick<Pipe, "variables" | "assigns"> {
  const [first, sign, second, assign] = parser.tokens;
  if (first?.kind === "variable" && (sign?.text === ":=" || sign?.text === "=")) {
    parser.tokens.splice(0, 2);
    return declaration(parser, [first.text], sign.text);
  }
  const isPair = first?.kind === "variable" && sign?.text === "," && second?.kind === "variable";
  if (!isPair || (assign?.text !== ":=" && assign?.text !== "=")) return { variables: [], assigns: false };
  parser.tokens.splice(0, 4);
  return declaration(parser, [first.text, second.text], assign.text);
}

function declaration(parser: Parser, variables: readonly string[], sign: string): Pick<Pipe, "variables" | "assigns"> {
  const assigns = sign === "=";
  if (assigns) for (const name of variables) requireKnown(parser, name);
  return { variables, assigns };
}

function requireKnown(parser: Parser, name: string): void {
  if (!parser.variables.includes(name)) throw failure(parser, `undefined variable ${JSON.stringify(name)}`);
}

function parseOperand(parser: Parser): Operand {
  const token = parser.tokens.shift();
  if (token === undefined) throw failure(parser, "unclosed action");
  const fields: string[] = token.kind === "field" ? [token.text.slice(1)] : [];
  const value = parseValue(parser, token);
  let position = token.at;
  let end = endOf(parser, token);
  for (let next = parser.tokens[0]; next?.kind === "field" && adjoins(parser, next); next = parser.tokens[0]) {
    if (fields.length <= 1) position = next.at;
    fields.push(next.text.slice(1));
    end = next.at + next.text.length;
    parser.tokens.shift();
  }
  return { value, fields, at: { ...positionOf(parser, position), source: parser.source.slice(token.at, end) } };
}

/** Where an operand that begins with `token` ends: behind its parenthesis, where it has one. */
function endOf({ source, tokens }: Parser, token: Token): number {
  if (token.text !== "(") return token.at + token.text.length;
  const close = source.lastIndexOf(")", (tokens[0]?.at ?? source.length) - 1);
  return close + 1;
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
      requireKnown(parser, token.text);
      return { kind: "variable", name: token.text };
    case "string":
      return literal(parser, stringOf(token.text), `invalid syntax: ${token.text}`);
    case "character":
      return literal(parser, characterOf(token.text), `malformed character constant: ${token.text}`);
    case "number":
      return literal(parser, numberOf(token.text), `bad number syntax: ${JSON.stringify(token.text)}`);
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

function literal(parser: Parser, value: string | number | undefined, reason: string): Operand["value"] {
  if (value === undefined) throw failure(parser, reason);
  return { kind: "literal", value };
}

function parenthesis(parser: Parser): Operand["value"] {
  if (++parser.depth > deepest) throw failure(parser, "max expression depth exceeded");
  const pipe = parsePipe(parser, "parenthesized pipeline");
  if (parser.tokens.shift()?.text !== ")") throw failure(parser, "unclosed left paren");
  parser.depth--;
  return { kind: "pipe", pipe };
}

function wordOf(parser: Parser, word: string): Operand["value"] {
  if (word === "true" || word === "false") return { kind: "literal", value: word === "true" };
  if (word === "nil") return { kind: "literal", value: null };
  if (!functions.has(word) && !lazyFunctions.has(word)) {
    throw failure(parser, `function ${JSON.stringify(word)} not defined`);
  }
  return { kind: "function", name: word };
}

function expectEnd(parser: Parser): void {
  const token = parser.tokens[0];
  if (token === undefined) throw failure(parser, "unclosed action");
  if (token.kind !== "end") throw unexpected(parser, "input");
  parser.tokens.shift();
}

function unexpected(parser: Parser, where: string): TemplateError {
  return failure(parser, `unexpected ${JSON.stringify(parser.tokens[0]?.text)} in ${where}`);
}

function positionOf({ source }: Parser, offset: number): Omit<Position, "source"> {
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: before.at(-1)?.length ?? 0 };
}

function failure({ source, tokens }: Parser, message: string): TemplateError {
  const line = source.slice(0, tokens[0]?.at ?? source.length).split("\n").length;
  return new TemplateError(`template: :${line}: ${message}`);
}
