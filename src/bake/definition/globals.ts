import { BerthError, messageOf } from "../../base/errors.ts";
import { Budget } from "../eval/budget.ts";
import { evaluate } from "../eval/evaluate.ts";
import { type Callable, CycleError, type Scope, within } from "../eval/scope.ts";
import { define, param } from "../functions/define.ts";
import { specialForms, standardFunctions } from "../functions/stdlib.ts";
import { typeOfExpression } from "../functions/type-expression.ts";
import { type Attribute, type Block, type Body, type Expression, keywordOf, type Step } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { type Type, typeName, types } from "../value/type.ts";
import { text, tuple, type Value } from "../value/value.ts";
import { type Override, overridden } from "./variables.ts";

/** Where values of variables come from beside the files. */
export interface Surroundings {
  /** What `--var` or the environment has under a name. */
  readonly lookup: (name: string) => string | undefined;
  /** Variables that are always there, such as `BAKE_CMD_CONTEXT`. */
  readonly builtin: Readonly<Record<string, string>>;
}

/** Blocks that expressions can refer to: `target.app.tags`. */
export type BlockLookup = (type: string, steps: readonly Step[]) => ReturnType<Scope["variable"]>;

/** The variables, constants and functions of all files, each evaluated when something asks for it. */
export class Globals implements Scope {
  readonly budget: Budget = new Budget();
  readonly #surroundings: Surroundings;
  readonly #blocks: BlockLookup;
  readonly #attributes = new Map<string, Attribute>();
  readonly #variables = new Map<string, Block>();
  readonly #functions = new Map<string, Block>();
  readonly #values = new Map<string, Value>();
  readonly #callables = new Map<string, Callable>();
  readonly #waiting = new Set<string>();

  constructor(bodies: readonly Body[], surroundings: Surroundings, blocks: BlockLookup) {
    this.#surroundings = surroundings;
    this.#blocks = blocks;
    for (const body of bodies) {
      for (const [name, attribute] of body.attributes) this.#attributes.set(name, attribute);
      for (const block of body.blocks) {
        const [label] = block.labels;
        if (label === undefined) continue;
        if (block.type === "variable") this.#variables.set(label, block);
        if (block.type === "function") this.#functions.set(label, block);
      }
    }
  }

  variableNames(): readonly string[] {
    return [...Object.keys(this.#surroundings.builtin), ...this.#attributes.keys(), ...this.#variables.keys()];
  }

  functionNames(): readonly string[] {
    return [...standardFunctions.keys(), ...specialForms.keys(), ...this.#functions.keys()];
  }

  special(name: string): ReturnType<Scope["special"]> {
    return specialForms.get(name);
  }

  variable(name: string, steps: readonly Step[]): ReturnType<Scope["variable"]> {
    if (name === "target" || name === "group") return this.#blocks(name, steps);
    const value = this.valueOf(name);
    return value === undefined ? undefined : { value, used: 0 };
  }

  /** The value of a variable or constant; undefined where there is none of that name. @throws {HclError} */
  valueOf(name: string): Value | undefined {
    const builtin = this.#surroundings.builtin[name];
    if (builtin !== undefined) return text(builtin);
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const place = this.#attributes.get(name) ?? this.#variables.get(name);
    if (place === undefined) return undefined;
    const made = this.#once(`variable cycle not allowed for ${name}`, () => this.#evaluate(name));
    this.#values.set(name, made);
    return made;
  }

  /** The names of the variables, in order. */
  declared(): ReadonlyMap<string, Block> {
    return this.#variables;
  }

  /** The names of the constants and functions. */
  others(): { readonly constants: Iterable<string>; readonly functions: Iterable<string> } {
    return { constants: this.#attributes.keys(), functions: this.#functions.keys() };
  }

  /** The type that a variable is declared with. @throws {HclError} */
  typeOf(name: string): Type | undefined {
    const given = this.#variables.get(name)?.body.attributes.get("type")?.expression;
    if (given === undefined || (given.kind === "literal" && given.value.kind === "null")) return undefined;
    return typeOfExpression(given);
  }

  #once<T>(cycle: string, body: () => T): T {
    if (this.#waiting.has(cycle)) throw new CycleError(cycle);
    this.#waiting.add(cycle);
    try {
      return this.budget.call(body);
    } finally {
      this.#waiting.delete(cycle);
    }
  }

  #evaluate(name: string): Value {
    const variable = this.#variables.get(name);
    const constant = this.#attributes.get(name);
    const defined = constant ?? variable?.body.attributes.get("default");
    const type = constant === undefined ? this.typeOf(name) : undefined;
    const value = defined === undefined ? undefined : this.#default(name, defined.expression, type);
    const override = variable === undefined ? undefined : this.#override(name, type !== undefined);
    if (override === undefined) return value ?? (type === undefined ? text("") : { kind: "null", type });
    try {
      return overridden(name, override, { type, value });
    } catch (error) {
      if (error instanceof BerthError) throw error;
      throw new HclError(variable?.range ?? emptyRange, "Invalid value", messageOf(error), error);
    }
  }

  #default(name: string, expression: Expression, type: Type | undefined): Value {
    const value = evaluate(expression, this);
    try {
      return type === undefined ? value : convert(value, type);
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      const what = `invalid type ${typeName(type ?? types.dynamic)} for variable ${name} default value`;
      throw new HclError(expression.range, "Invalid value", `${what}: ${error.message}`, error);
    }
  }

  #override(name: string, favorsJson: boolean): Override | undefined {
    const given = this.#surroundings.lookup(name);
    if (given === undefined || favorsJson) {
      const jsonName = `${name}_JSON`;
      const isOwn = this.#variables.has(jsonName) || Object.hasOwn(this.#surroundings.builtin, jsonName);
      const json = isOwn ? undefined : this.#surroundings.lookup(jsonName);
      if (json !== undefined) return { text: json, isJson: true };
    }
    return given === undefined ? undefined : { text: given, isJson: false };
  }

  /** The function of a name. @throws {HclError} where it is none that can be called */
  callable(name: string): Callable | undefined {
    const known = standardFunctions.get(name) ?? this.#callables.get(name);
    if (known !== undefined) return known;
    const block = this.#functions.get(name);
    if (block === undefined) return undefined;
    const made = this.#function(name, block);
    this.#callables.set(name, made);
    return made;
  }

  #function(name: string, { body, labelRange }: Block): Callable {
    const { params, result, variadic_params: variadic } = Object.fromEntries(body.attributes);
    if (result === undefined)
      throw invalidFunction(params?.range ?? labelRange, `empty result not allowed for ${name}`);
    if (params === undefined) throw invalidFunction(labelRange, `empty params not allowed for ${name}`);
    const list = params.expression;
    if (list.kind !== "tuple") throw invalidFunction(list.range, "A static list expression is required.");
    const names = list.items.map(parameterName);
    const rest = variadic === undefined ? undefined : parameterName(variadic.expression);
    const call = define({
      params: names.map((parameter) => param(parameter, "dynamic")),
      ...(rest === undefined ? {} : { rest: param(rest, "dynamic") }),
      run: (args) => {
        const given = names.flatMap((parameter, index) => {
          const arg = args[index];
          return arg === undefined ? [] : [[parameter, arg] as const];
        });
        const others = rest === undefined ? [] : [[rest, tuple(args.slice(names.length))] as const];
        const scope = within(this, new Map([...given, ...others]));
        return evaluate(result.expression, scope);
      },
    });
    return (site) => this.#once(`function cycle not allowed for ${name}`, () => call(site));
  }
}

const emptyRange: Range = { source: { name: "", text: "" }, start: 0, end: 0 };

function parameterName(expression: Expression): string {
  const name = keywordOf(expression);
  if (name !== undefined) return name;
  throw new HclError(expression.range, "Invalid param element", "Each parameter name must be an identifier.");
}

function invalidFunction(range: Range, detail: string): HclError {
  return new HclError(range, "Invalid function", detail);
}
