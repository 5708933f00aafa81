import { homedir } from "node:os";
import { evaluate } from "../eval/evaluate.ts";
import type { Callable, SpecialForm } from "../eval/scope.ts";
import type { Expression } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { bool, text } from "../value/value.ts";
import { cidrFunctions } from "./cidr.ts";
import { collectionFunctions } from "./collections.ts";
import { dateFunctions } from "./dates.ts";
import { define } from "./define.ts";
import { encodingFunctions } from "./encoding.ts";
import { formatFunctions } from "./format.ts";
import { numberFunctions } from "./numbers.ts";
import { regexFunctions } from "./regex.ts";
import { semverFunctions } from "./semver.ts";
import { setFunctions } from "./sets.ts";
import { stringFunctions } from "./strings.ts";
import { typeOfExpression } from "./type-expression.ts";

/** The functions that every definition can call. @see buildx, docs/bake-stdlib.md */
export const standardFunctions: ReadonlyMap<string, Callable> = new Map(
  Object.entries({
    ...cidrFunctions,
    ...collectionFunctions,
    ...dateFunctions,
    ...encodingFunctions,
    ...formatFunctions,
    ...numberFunctions,
    ...regexFunctions,
    ...semverFunctions,
    ...setFunctions,
    ...stringFunctions,
    homedir: define({ params: [], run: () => text(homedir()) }),
  }),
);

/** Those that see their arguments before they are evaluated. */
export const specialForms: ReadonlyMap<string, SpecialForm> = new Map<string, SpecialForm>([
  ["can", (args, scope, range) => bool(!(attempt(() => evaluate(only(args, range), scope)) instanceof HclError))],
  ["try", tryAll],
  ["convert", convertTo],
]);

function only(args: readonly Expression[], range: Range): Expression {
  const [first] = args;
  if (first === undefined || args.length > 1)
    throw new HclError(range, "Error in function call", 'Call to function "can" failed: it takes one argument.');
  return first;
}

/** What a body gives, or the error that an expression can be tried in spite of. */
function attempt<T>(body: () => T): T | HclError {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    return error;
  }
}

function tryAll(...[args, scope, range]: Parameters<SpecialForm>): ReturnType<SpecialForm> {
  const errors: string[] = [];
  for (const arg of args) {
    const value = attempt(() => evaluate(arg, scope));
    if (!(value instanceof HclError)) return value;
    errors.push(`- ${value.message}`);
  }
  const detail = `no expression succeeded:\n${errors.join("\n")}\n\nAt least one expression must produce a successful result`;
  throw new HclError(range, "Error in function call", `Call to function "try" failed: ${detail}.`);
}

function convertTo(...[args, scope, range]: Parameters<SpecialForm>): ReturnType<SpecialForm> {
  const [value, type] = args;
  if (value === undefined || type === undefined || args.length > 2)
    throw new HclError(range, "Not enough function arguments", 'Function "convert" expects 2 argument(s).');
  const wanted = typeOfExpression(type);
  try {
    return convert(evaluate(value, scope), wanted);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new HclError(
      value.range,
      "Invalid function argument",
      `Invalid value for "value" parameter: ${error.message}.`,
      error,
    );
  }
}
