import { evaluate } from "../eval/evaluate.ts";
import type { Scope } from "../eval/scope.ts";
import type { Block, Body, Expression, Step } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { bakeLimits } from "../limits.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { toJson } from "../value/json.ts";
import { constraintName, isPrimitive, type Type, types } from "../value/type.ts";
import { typeOf, type Value } from "../value/value.ts";
import { FieldReader, type Instance, instancesOf } from "./blocks.ts";
import { Globals, type Surroundings } from "./globals.ts";
import { type Config, type Group, mergeTargets, type Target } from "./target.ts";

/** A variable as `--list` shows it. */
export interface Variable {
  readonly name: string;
  readonly description?: string;
  readonly type?: string;
  /** Absent for null. */
  readonly value?: string;
}

/** What files come to. */
export interface Resolved extends Config {
  readonly variables: readonly Variable[];
}

/** Evaluate the bodies of all files together. @throws {HclError} in HCL's and buildx's words */
export function resolveBodies(bodies: readonly Body[], surroundings: Surroundings): Resolved {
  return new Resolver(bodies, surroundings).resolve();
}

class Resolver {
  readonly #globals: Globals;
  readonly #blocks: readonly Block[];
  readonly #fields = new FieldReader();
  readonly #instances = new Map<Block, readonly Instance[]>();

  constructor(bodies: readonly Body[], surroundings: Surroundings) {
    this.#globals = new Globals(bodies, surroundings, (type, steps) => this.#reference(type, steps));
    this.#blocks = bodies.flatMap(({ blocks }) => blocks.filter(({ type }) => type === "target" || type === "group"));
  }

  resolve(): Resolved {
    const variables = [...this.#globals.declared()].map(([name, block]) => this.#variable(name, block));
    for (const block of this.#globals.declared().values()) this.#validate(block);
    const { constants, functions } = this.#globals.others();
    for (const name of functions) this.#globals.callable(name);
    const instances = this.#blocks.flatMap((block) => this.#instancesOf(block));
    if (instances.length > bakeLimits.targets)
      throw new HclError(
        instances[bakeLimits.targets]?.block.range ?? this.#firstRange(),
        "Too many targets",
        `A definition has at most ${bakeLimits.targets} targets.`,
      );
    const targets = new Map<string, Target>();
    const groups = new Map<string, Group>();
    for (const instance of instances) {
      if (instance.block.type === "group") {
        groups.set(instance.name, this.#fields.group(instance));
        continue;
      }
      const made = this.#fields.target(instance);
      const known = targets.get(made.name);
      targets.set(made.name, known === undefined ? made : mergeTargets(known, made));
    }
    for (const name of constants) this.#globals.valueOf(name);
    return { variables, targets: [...targets.values()], groups: [...groups.values(), ...this.#matrixGroups()] };
  }

  #firstRange(): Block["range"] {
    const [first] = this.#blocks;
    if (first === undefined) throw new Error("no blocks");
    return first.range;
  }

  #instancesOf(block: Block): readonly Instance[] {
    const known = this.#instances.get(block);
    if (known !== undefined) return known;
    const made = instancesOf(block, this.#globals);
    this.#instances.set(block, made);
    return made;
  }

  /** A target that a matrix makes several of is a group of them. */
  #matrixGroups(): readonly Group[] {
    const names = new Map<string, Set<string>>();
    for (const block of this.#blocks) {
      const [label = ""] = block.labels;
      const made = names.get(label) ?? new Set<string>();
      for (const { name } of block.type === "target" ? this.#instancesOf(block) : []) made.add(name);
      names.set(label, made);
    }
    return [...names].flatMap(([name, made]) =>
      made.size === 0 || (made.size === 1 && made.has(name)) ? [] : [{ name, targets: [...made] }],
    );
  }

  #variable(name: string, { body }: Block): Variable {
    const value = this.#globals.valueOf(name);
    const type = this.#globals.typeOf(name);
    const given = body.attributes.get("description");
    const description = given === undefined ? undefined : evaluate(given.expression, this.#globals);
    return {
      name,
      ...(description?.kind === "string" && description.value !== "" ? { description: description.value } : {}),
      ...(type === undefined ? {} : { type: constraintName(type) }),
      ...(value === undefined || value.kind === "null" ? {} : { value: shown(value, type) }),
    };
  }

  #validate({ body }: Block): void {
    for (const { type, body: rule, range } of body.blocks) {
      if (type !== "validation") continue;
      const condition = rule.attributes.get("condition")?.expression;
      const message = rule.attributes.get("error_message")?.expression;
      if (condition === undefined || message === undefined) {
        const missing = condition === undefined ? "condition" : "error_message";
        throw new HclError(
          range,
          "Missing required argument",
          `The argument "${missing}" is required, but no definition was found.`,
        );
      }
      if (conditionHolds(condition, this.#globals)) continue;
      const text = evaluate(message, this.#globals);
      const detail = text.kind === "string" ? text.value : "This check failed, but has an invalid error message.";
      throw new HclError(condition.range, "Validation failed", detail);
    }
  }

  #reference(type: string, steps: readonly Step[]): ReturnType<Scope["variable"]> {
    const [first, second] = steps;
    if (first === undefined) return undefined;
    const name = first.kind === "attribute" ? first.name : textIndex(first, this.#globals);
    const instances = this.#blocks
      .filter((block) => block.type === type)
      .flatMap((block) => this.#instancesOf(block))
      .filter((instance) => instance.name === name);
    if (instances.length === 0)
      throw new HclError(
        first.range,
        "Unsupported attribute",
        `This object does not have an attribute named ${JSON.stringify(name)}.`,
      );
    if (second?.kind !== "attribute") return { value: this.#fields.whole(instances), used: 1 };
    return { value: this.#fields.reference(instances, second), used: 2 };
  }
}

function textIndex(step: Extract<Step, { readonly kind: "index" }>, scope: Scope): string {
  const key = evaluate(step.key, scope);
  if (key.kind === "string") return key.value;
  throw new HclError(step.range, "Invalid index", "A target is named by a text.");
}

function shown(value: Value, type: Type | undefined): string {
  if (type?.kind === "string" && value.kind === "string") return value.value;
  if (type === undefined && isPrimitive(typeOf(value))) {
    const text = convert(value, types.string);
    return text.kind === "string" ? text.value : "";
  }
  return toJson(value);
}

function conditionHolds(condition: Expression, scope: Scope): boolean {
  const summary = "Invalid condition result";
  const value = evaluate(condition, scope);
  if (value.kind === "null")
    throw new HclError(condition.range, summary, "Condition expression must return either true or false, not null.");
  try {
    const converted = convert(value, types.bool);
    return converted.kind === "bool" && converted.value;
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new HclError(condition.range, summary, `Invalid condition result value: ${error.message}`, error);
  }
}
