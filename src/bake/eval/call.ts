import { BerthError, messageOf } from "../../base/errors.ts";
import { type Expression, startOf } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { isSequence, type Value } from "../value/value.ts";
import { ArgumentError, CycleError, type Scope } from "./scope.ts";
import { sizeOf } from "./size.ts";
import { didYouMean } from "./suggest.ts";

type Call = Extract<Expression, { readonly kind: "call" }>;

/** The value of a call. @throws {HclError} */
export function evaluateCall(
  call: Call,
  scope: Scope,
  evaluate: (expression: Expression, scope: Scope) => Value,
): Value {
  const { name, range } = call;
  const { budget } = scope;
  const special = scope.special(name);
  if (special !== undefined) return special(call.args, scope, range);
  const callable = scope.callable(name);
  if (callable === undefined) {
    const meant = didYouMean(name, scope.functionNames());
    throw new HclError(
      call.nameRange,
      "Call to unknown function",
      `There is no function named ${JSON.stringify(name)}.${meant}`,
    );
  }
  const given = call.args.map((arg) => evaluate(arg, scope));
  const args = call.expand ? expanded(given, call) : given;
  budget.spend(args.reduce((sum, arg) => sum + sizeOf(arg), 1));
  try {
    return callable({ name, args, budget, end: call.closeRange, place: (index) => placeOf(call, index) });
  } catch (error) {
    throw inCall(error, call);
  }
}

function expanded(args: readonly Value[], call: Call): readonly Value[] {
  const last = args.at(-1);
  const summary = "Invalid expanding argument value";
  const range = call.args.at(-1)?.range ?? call.range;
  if (last?.kind === "null")
    throw new HclError(range, summary, "The expanding argument (indicated by ...) must not be null.");
  if (last === undefined || !isSequence(last))
    throw new HclError(
      range,
      summary,
      "The expanding argument (indicated by ...) must be of a tuple, list, or set type.",
    );
  return [...args.slice(0, -1), ...last.items];
}

function placeOf(call: Call, index: number): Range {
  const argument = call.args[index] ?? call.args.at(-1);
  return argument === undefined ? call.range : startOf(argument);
}

/** What went wrong in a function, in the words of the language and at its place. */
function inCall(error: unknown, call: Call): unknown {
  if (error instanceof BerthError || error instanceof RangeError) return error;
  if (error instanceof CycleError) return new HclError(call.range, "Invalid expression", error.message, error);
  if (error instanceof ArgumentError) {
    const range = placeOf(call, error.index);
    const name = error.parameter ?? "";
    return new HclError(
      range,
      "Invalid function argument",
      `Invalid value for ${JSON.stringify(name)} parameter: ${error.message}.`,
      error,
    );
  }
  return new HclError(
    call.openRange,
    "Error in function call",
    `Call to function ${JSON.stringify(call.name)} failed: ${messageOf(error)}.`,
    error,
  );
}
