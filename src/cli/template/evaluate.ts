import { messageOf } from "../../base/errors.ts";
import { functions } from "./functions.ts";
import { type Node, type Operand, type Pipe, type Position, TemplateError } from "./nodes.ts";
import { isTrue, Nil, plain, print } from "./values.ts";

/** What a template is told of its data. */
export interface EvaluateOptions {
  /** Why a field that isn't there is an error: `map has no entry for key "Foo"`. */
  readonly missing: (field: string) => string;
  /** What a field that is null prints as; `<no value>` when absent. */
  readonly nil?: (field: string) => string;
}

/** Fill a template with data: objects, lists, texts, numbers; a function is a method with arguments. @throws {TemplateError} with Go's text */
export function evaluate(nodes: readonly Node[], data: unknown, options: EvaluateOptions): string {
  const scope: Scope = { dot: data, variables: new Map([["$", data]]), options };
  return renderAll(nodes, scope);
}

interface Scope {
  readonly dot: unknown;
  readonly variables: Map<string, unknown>;
  readonly options: EvaluateOptions;
}

function renderAll(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => render(node, scope)).join("");
}

function render(node: Node, scope: Scope): string {
  if (node.kind === "text") return node.text;
  if (node.kind === "range") return renderRange(node, scope);
  const value = runPipe(node.pipe, scope);
  if (node.kind === "action") return node.pipe.variables.length > 0 ? "" : print(value);
  const inner = node.kind === "with" ? { ...scope, dot: value } : scope;
  return isTrue(value) ? renderAll(node.body, inner) : renderAll(node.otherwise, scope);
}

function renderRange(
  node: Extract<Node, { readonly pipe: Pipe }> & { readonly kind: "range" | "if" | "with" },
  scope: Scope,
): string {
  const value = plain(runPipe(node.pipe, scope));
  const entries = entriesOf(value);
  if (entries.length === 0) return renderAll(node.otherwise, scope);
  const { variables } = node.pipe;
  return entries
    .map(([key, each]) => {
      const names = variables.length === 2 ? [key, each] : [each];
      const bound = variables.map((name, index) => [name, names[index]] as const);
      return renderAll(node.body, { ...scope, dot: each, variables: new Map([...scope.variables, ...bound]) });
    })
    .join("");
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === "object") return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  throw new TemplateError(`template: :1: range can't iterate over ${print(value)}`);
}

function runPipe({ variables, commands }: Pipe, scope: Scope): unknown {
  let value: unknown;
  for (const [index, command] of commands.entries()) value = runCommand(command, index === 0 ? [] : [value], scope);
  const [name] = variables;
  if (name !== undefined && variables.length === 1) scope.variables.set(name, value);
  return value;
}

function runCommand([head, ...rest]: readonly Operand[], piped: readonly unknown[], scope: Scope): unknown {
  if (head === undefined) return undefined;
  const values = (): readonly unknown[] => [...rest.map((operand) => operandValue(operand, [], scope)), ...piped];
  if (head.value.kind !== "function") return operandValue(head, rest.length + piped.length > 0 ? values() : [], scope);
  const call = functions.get(head.value.name);
  if (call === undefined) throw new Error(`no function ${head.value.name}`);
  return called(head, () => call(...values()));
}

function called(head: Operand, call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw failure(head.at, `error calling ${head.at.source}: ${messageOf(error)}`);
  }
}

/** The value of one operand; `given` are arguments for a method in its last field. */
function operandValue(operand: Operand, given: readonly unknown[], scope: Scope): unknown {
  const start = startOf(operand, scope);
  return operand.fields.reduce<unknown>((value, field) => lookUp(value, field, { operand, given, scope }), start);
}

function startOf({ value, at }: Operand, scope: Scope): unknown {
  switch (value.kind) {
    case "dot":
      return scope.dot;
    case "literal":
      return value.value;
    case "pipe":
      return runPipe(value.pipe, scope);
    case "variable":
      if (!scope.variables.has(value.name)) throw failure(at, `undefined variable: ${value.name}`);
      return scope.variables.get(value.name);
    case "function":
      return called({ value, at, fields: [] }, () => functions.get(value.name)?.());
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
  if (value instanceof Nil || value === null || value === undefined) {
    throw failure(operand.at, `nil pointer evaluating interface {}.${field}`);
  }
  const found = typeof value === "object" ? Object.entries(value).find(([name]) => name === field) : undefined;
  if (found === undefined) {
    const scalar = typeof value !== "object" || Array.isArray(value);
    const reason = scalar ? `can't evaluate field ${field} in type interface {}` : scope.options.missing(field);
    throw failure(operand.at, reason);
  }
  const [, inner] = found;
  if (typeof inner === "function") return inner(...given);
  return (inner ?? null) === null && scope.options.nil !== undefined ? new Nil(scope.options.nil(field)) : inner;
}

function failure({ line, column, source }: Position, reason: string): TemplateError {
  return new TemplateError(`template: :${line}:${column}: executing "" at <${source}>: ${reason}`);
}
