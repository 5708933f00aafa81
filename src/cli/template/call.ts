import { messageOf } from "../../base/errors.ts";
import { failureAt } from "./failure.ts";
import type { Parameter, TemplateFunction } from "./functions.ts";
import { type Operand, type Position, TemplateError } from "./nodes.ts";
import { isTrue, Nil, typeName } from "./values.ts";

/** One call of a function in a template. */
export interface FunctionCall {
  readonly name: string;
  /** Where the function's name stands. */
  readonly at: Position;
  /** Where the whole command stands. */
  readonly command: Position;
  /** The arguments that are written there; one that a pipe hands over comes behind them. */
  readonly operands: readonly Operand[];
}

/** Call a function by Go's rules: how many arguments, of which types; `and` and `or` stop early. @throws {TemplateError} with Go's text */
export function callFunction(
  call: FunctionCall,
  read: readonly (() => unknown)[],
  known: TemplateFunction | undefined,
): unknown {
  if (known === undefined) return callLazily(call, read);
  const { parameters, variadic = false, least = parameters.length } = known;
  if (read.length < least || (!variadic && read.length > parameters.length)) {
    const wanted = variadic ? `at least ${least}` : String(parameters.length);
    throw failureAt(call.at, `wrong number of args for ${call.name}: want ${wanted} got ${read.length}`);
  }
  const values = read.map((each, index) => {
    const value = each();
    requireType(value, parameters[Math.min(index, parameters.length - 1)] ?? "any", call.operands[index] ?? call);
    return value;
  });
  try {
    // What the parameters say was checked above.
    return known.call(...(values as never[]));
  } catch (error) {
    if (error instanceof TemplateError) throw error;
    throw failureAt(call.command, `error calling ${call.name}: ${messageOf(error)}`);
  }
}

function callLazily(call: FunctionCall, read: readonly (() => unknown)[]): unknown {
  if (read.length === 0) throw failureAt(call.at, `wrong number of args for ${call.name}: want at least 1 got 0`);
  let value: unknown;
  for (const each of read) {
    value = each();
    if (isTrue(value) === (call.name === "or")) return value;
  }
  return value;
}

function requireType(value: unknown, parameter: Parameter, place: Operand | FunctionCall): void {
  if (parameter === "any" || hasType(value, parameter)) return;
  if ("value" in place && place.value.kind === "literal") {
    const wanted = parameter === "int" ? "integer" : parameter;
    throw failureAt(place.at, `expected ${wanted}; found ${place.at.source}`);
  }
  throw failureAt(place.at, `wrong type for value; expected ${parameter}; got ${typeName(value)}`);
}

function hasType(value: unknown, parameter: Parameter): boolean {
  switch (parameter) {
    case "string":
      return typeof value === "string";
    case "int":
      return typeof value === "number" && Number.isInteger(value);
    case "[]string":
      return Array.isArray(value) || value instanceof Nil || value === null || value === undefined;
    case "any":
      return true;
    default:
      return parameter satisfies never;
  }
}
