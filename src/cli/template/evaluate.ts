import { messageOf } from "../../base/errors.ts";
import { callFunction } from "./call.ts";
import { failureAt } from "./failure.ts";
import { functions, type TemplateFunction } from "./functions.ts";
import {
  type Command,
  type Control,
  type Node,
  type Operand,
  type Pipe,
  type Template,
  TemplateError,
} from "./nodes.ts";
import { isTrue, Nil, plain, print, typeName } from "./values.ts";

/** What a template is told of its data. */
export interface EvaluateOptions {
  /** Why a field that isn't there is an error: `map has no entry for key "Foo"`. */
  readonly missing: (field: string) => string;
  /** What Go's type has in a field that is null or left out: undefined where that may not be left out. Without it null is no value. */
  readonly zero?: (field: string) => unknown;
  /** Whether the field of that name is a map in Go, where a key that isn't there is no error but no value. */
  readonly isMap?: (field: string) => boolean;
  /** Functions that take the place of those that all templates have. */
  readonly functions?: ReadonlyMap<string, TemplateFunction>;
}

/** Fill a template with data: objects, lists, texts, numbers; a function is a method with arguments. @throws {TemplateError} with Go's text */
export function evaluate(template: Template, data: unknown, options: EvaluateOptions): string {
  const out: string[] = [];
  const shared: Shared = { template, options, out, maps: new WeakSet(), depth: 0 };
  renderAll(template.nodes, { dot: data, frame: frameOf(undefined, [["$", data]]), shared });
  return out.join("");
}

interface Shared {
  readonly template: Template;
  readonly options: EvaluateOptions;
  readonly out: string[];
  /** What was found in fields that are maps. */
  readonly maps: WeakSet<object>;
  /** How many `{{template}}` lie in each other. */
  depth: number;
}

/** Variables of a block, and of those around it. */
interface Frame {
  readonly values: Map<string, unknown>;
  readonly outer: Frame | undefined;
}

interface Scope {
  readonly dot: unknown;
  readonly frame: Frame;
  readonly shared: Shared;
}

/** Where to go on behind a node. */
type Jump = "break" | "continue" | undefined;

/** A template that calls itself ends here, as in Go. */
const deepestCall = 1000;

function frameOf(outer: Frame | undefined, values: Iterable<readonly [string, unknown]> = []): Frame {
  return { values: new Map(values), outer };
}

function renderAll(nodes: readonly Node[], scope: Scope): Jump {
  for (const node of nodes) {
    const jump = render(node, scope);
    if (jump !== undefined) return jump;
  }
  return undefined;
}

function render(node: Node, scope: Scope): Jump {
  switch (node.kind) {
    case "text":
      scope.shared.out.push(node.text);
      return undefined;
    case "break":
    case "continue":
      return node.kind;
    case "range":
      return renderRange(node, scope);
    case "template":
      renderNamed(node, scope);
      return undefined;
    case "action": {
      const value = runPipe(node.pipe, scope);
      if (node.pipe.variables.length === 0) scope.shared.out.push(print(value));
      return undefined;
    }
    case "if":
    case "with":
      return renderChoice(node, scope);
    default:
      return node satisfies never;
  }
}

function renderChoice(node: Control, scope: Scope): Jump {
  const inner = { ...scope, frame: frameOf(scope.frame) };
  const value = runPipe(node.pipe, inner);
  const chosen = isTrue(value);
  const dot = node.kind === "with" && chosen ? value : scope.dot;
  return renderAll(chosen ? node.body : node.otherwise, { ...inner, dot });
}

function renderNamed(node: Extract<Node, { readonly kind: "template" }>, scope: Scope): void {
  const { shared } = scope;
  const nodes = shared.template.named.get(node.name);
  if (nodes === undefined) throw failureAt(node.at, `template ${JSON.stringify(node.name)} not defined`);
  if (++shared.depth > deepestCall) throw failureAt(node.at, `exceeded maximum template depth (${deepestCall})`);
  const dot = node.pipe === undefined ? undefined : runPipe(node.pipe, scope);
  renderAll(nodes, { dot, frame: frameOf(undefined, [["$", dot]]), shared });
  shared.depth--;
}

function renderRange({ pipe, body, otherwise }: Control, scope: Scope): Jump {
  const { variables, assigns } = pipe;
  const outer = { ...scope, frame: frameOf(scope.frame) };
  const value = plain(runPipe({ ...pipe, variables: [] }, outer));
  const entries = entriesOf(value, pipe);
  if (entries.length === 0) return renderAll(otherwise, outer);
  for (const [key, each] of entries) {
    const names = variables.length === 2 ? [key, each] : [each];
    const frame = frameOf(outer.frame);
    for (const [index, name] of variables.entries())
      setVariable(assigns ? outer.frame : frame, name, names[index], assigns);
    if (renderAll(body, { ...scope, dot: each, frame }) === "break") break;
  }
  return undefined;
}

function entriesOf(value: unknown, { commands }: Pipe): readonly (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === "number") return Array.from({ length: Math.max(0, value) }, (_, index) => [index, index]);
  if (typeof value === "object") return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const at = commands.at(-1)?.at ?? { line: 1, column: 0, source: "" };
  throw failureAt(at, `range can't iterate over ${print(value)}`);
}

function setVariable(frame: Frame, name: string, value: unknown, assigns: boolean): void {
  let holder: Frame = frame;
  while (assigns && !holder.values.has(name) && holder.outer !== undefined) holder = holder.outer;
  holder.values.set(name, value);
}

function getVariable(frame: Frame, name: string): unknown {
  let holder: Frame | undefined = frame;
  while (holder !== undefined && !holder.values.has(name)) holder = holder.outer;
  return holder?.values.get(name);
}

function runPipe({ variables, assigns, commands }: Pipe, scope: Scope): unknown {
  let value: unknown;
  for (const [index, command] of commands.entries()) value = runCommand(command, index === 0 ? [] : [value], scope);
  const [name] = variables;
  if (name !== undefined) setVariable(scope.frame, name, value, assigns);
  return value;
}

function runCommand(command: Command, piped: readonly unknown[], scope: Scope): unknown {
  const [head, ...rest] = command.operands;
  if (head === undefined) return undefined;
  if (head.value.kind === "function") return runFunction(command, piped, scope);
  if (head.value.kind === "literal" && head.value.value === null) throw failureAt(head.at, "nil is not a command");
  const values = rest.map((operand) => operandValue(operand, [], scope));
  const given = [...values, ...piped];
  if (given.length > 0 && head.fields.length === 0) {
    throw failureAt(head.at, `can't give argument to non-function ${head.at.source}`);
  }
  return operandValue(head, given, scope);
}

function runFunction(command: Command, piped: readonly unknown[], scope: Scope): unknown {
  const [head, ...operands] = command.operands;
  if (head?.value.kind !== "function") return undefined;
  const { name } = head.value;
  const read = operands.map((operand) => () => operandValue(operand, [], scope));
  const found = callFunction(
    { name, at: head.at, command: command.at, operands },
    [...read, ...piped.map((value) => () => value)],
    scope.shared.options.functions?.get(name) ?? functions.get(name),
  );
  return withFields(head, found, { given: [], scope });
}

/** The value of one operand; `given` are arguments for a method in its last field. */
function operandValue(operand: Operand, given: readonly unknown[], scope: Scope): unknown {
  return withFields(operand, startOf(operand, scope), { given, scope });
}

function withFields(operand: Operand, start: unknown, { given, scope }: Omit<LookUp, "operand">): unknown {
  return operand.fields.reduce<unknown>(
    (value, field, index) =>
      lookUp(value, field, { operand, given: index === operand.fields.length - 1 ? given : [], scope }),
    start,
  );
}

function startOf(operand: Operand, scope: Scope): unknown {
  const { value, at } = operand;
  switch (value.kind) {
    case "dot":
      return scope.dot;
    case "literal":
      return value.value;
    case "pipe":
      return runPipe(value.pipe, scope);
    case "variable":
      return getVariable(scope.frame, value.name);
    case "function":
      return runFunction({ operands: [{ ...operand, fields: [] }], at }, [], scope);
    default:
      return value satisfies never;
  }
}

interface LookUp {
  readonly operand: Operand;
  readonly given: readonly unknown[];
  readonly scope: Scope;
}

function lookUp(value: unknown, field: string, { operand, given, scope }: LookUp): unknown {
  const { options, maps } = scope.shared;
  if (value instanceof Nil || value === null || value === undefined) {
    throw failureAt(operand.at, `nil pointer evaluating interface {}.${field}`);
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    throw failureAt(operand.at, `can't evaluate field ${field} in type ${typeName(value)}`);
  }
  if (!Object.hasOwn(value, field)) return maps.has(value) ? undefined : zeroOf(field, { operand, options });
  const inner = (value as Readonly<Record<string, unknown>>)[field];
  if (typeof inner === "function")
    return called(() => inner(...given), { field, operand, wanted: inner.length, given });
  if (given.length > 0) throw failureAt(operand.at, `wrong number of args for ${field}: want 0 got ${given.length}`);
  if (typeof inner === "object" && inner !== null && options.isMap?.(field) === true) maps.add(inner);
  if ((inner ?? null) !== null || options.zero === undefined) return inner;
  return options.zero(field) ?? new Nil("[]");
}

/** What a field that was left out has. */
function zeroOf(field: string, { operand, options }: Pick<LookUp, "operand"> & Pick<Shared, "options">): unknown {
  const zero = options.zero?.(field);
  if (zero === undefined) throw failureAt(operand.at, options.missing(field));
  return zero;
}

interface MethodCall {
  readonly field: string;
  readonly operand: Operand;
  readonly wanted: number;
  readonly given: readonly unknown[];
}

function called(call: () => unknown, { field, operand, wanted, given }: MethodCall): unknown {
  if (given.length !== wanted) {
    throw failureAt(operand.at, `wrong number of args for ${field}: want ${wanted} got ${given.length}`);
  }
  const [first] = given;
  if (typeof first !== "string") throw failureAt(operand.at, `expected string; found ${print(first)}`);
  try {
    return call();
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw failureAt(operand.at, `error calling ${field}: ${messageOf(error)}`);
  }
}
