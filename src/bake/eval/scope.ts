import type { Expression, Step } from "../hcl/ast.ts";
import type { Range } from "../hcl/source.ts";
import type { Value } from "../value/value.ts";
import type { Budget } from "./budget.ts";

/** What a call gives a function. */
export interface CallSite {
  readonly name: string;
  readonly args: readonly Value[];
  readonly budget: Budget;
  /** Of the closing parenthesis. */
  readonly end: Range;
  /** Where an argument is. */
  readonly place: (index: number) => Range;
}

/** A function that can be called. Its errors are about the whole call, or {@link ArgumentError}s. */
export type Callable = (site: CallSite) => Value;

/** A function that gets its arguments as they are written. */
export type SpecialForm = (args: readonly Expression[], scope: Scope, range: Range) => Value;

/** One argument is wrong. */
export class ArgumentError extends Error {
  override readonly name: string = "ArgumentError";
  readonly index: number;
  /** The parameter's name. */
  readonly parameter: string | undefined;

  constructor(index: number, message: string, parameter?: string) {
    super(message);
    this.index = index;
    this.parameter = parameter;
  }
}

/** Something that needs itself. */
export class CycleError extends Error {
  override readonly name: string = "CycleError";
}

/** What names mean where an expression stands. */
export interface Scope {
  readonly budget: Budget;
  /** The value of a name, and how many of the steps behind it are in it already. Undefined for a name that there isn't. */
  variable(name: string, steps: readonly Step[]): { readonly value: Value; readonly used: number } | undefined;
  /** Names that {@link variable} knows, for suggestions. */
  variableNames(): readonly string[];
  callable(name: string): Callable | undefined;
  special(name: string): SpecialForm | undefined;
  functionNames(): readonly string[];
}

/** A scope with more names in it. */
export function within(scope: Scope, names: ReadonlyMap<string, Value>): Scope {
  return {
    budget: scope.budget,
    callable: (name) => scope.callable(name),
    special: (name) => scope.special(name),
    functionNames: () => scope.functionNames(),
    variableNames: () => [...names.keys(), ...scope.variableNames()],
    variable: (name, steps) => {
      const own = names.get(name);
      return own === undefined ? scope.variable(name, steps) : { value: own, used: 0 };
    },
  };
}
