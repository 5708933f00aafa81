import { evaluate } from "../eval/evaluate.ts";
import { type Scope, within } from "../eval/scope.ts";
import type { Block, Step } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { bakeLimits } from "../limits.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { types } from "../value/type.ts";
import { isMapping, isSequence, object, text, type Value } from "../value/value.ts";
import { decodeField, encodeField, fieldKinds, isField } from "./decode.ts";
import type { Group, Target, TargetFields } from "./target.ts";

/** A target or group block as one of those that its matrix makes. */
export interface Instance {
  readonly name: string;
  readonly block: Block;
  /** Names of the matrix and those around. */
  readonly scope: Scope;
}

/** The instances of a block: one for each combination of its matrix. @throws {HclError} */
export function instancesOf(block: Block, scope: Scope): readonly Instance[] {
  const [label, second] = block.labels;
  if (label === undefined || second !== undefined)
    throw new HclError(block.range, "Invalid block", `invalid block label: [${block.labels.join(" ")}]`);
  checkName(label, block.labelRange);
  const { attributes } = block.body;
  const matrix = attributes.get("matrix");
  const named = attributes.get("name");
  if (block.type === "group" && named !== undefined) throw invalidName(block, "name is not supported for groups");
  if (block.type === "group" && matrix !== undefined) throw invalidName(block, "matrix is not supported for groups");
  if (named !== undefined && matrix === undefined) throw invalidName(block, "name requires matrix");
  const scopes = matrix === undefined ? [scope] : combinations(evaluate(matrix.expression, scope), block, scope);
  const instances = scopes.map((inner) => {
    if (named === undefined) return { name: label, block, scope: inner };
    const name = nameText(evaluate(named.expression, inner), named.range);
    checkName(name, block.labelRange);
    return { name, block, scope: inner };
  });
  const repeated = instances.find(({ name }, index) => instances.findIndex((other) => other.name === name) !== index);
  if (repeated !== undefined) throw invalidName(block, `duplicate name ${JSON.stringify(repeated.name)}`);
  return instances;
}

function invalidName({ labelRange }: Block, detail: string): HclError {
  return new HclError(labelRange, "Invalid name", detail);
}

function checkName(name: string, range: Range): void {
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) throw new HclError(range, "Invalid name", 'only "[a-zA-Z0-9_-]+" are allowed');
}

function nameText(value: Value, range: Range): string {
  try {
    const converted = convert(value, types.string);
    if (converted.kind === "string") return converted.value;
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new HclError(range, "Invalid name", error.message, error);
  }
  throw new HclError(range, "Invalid name", "a name must not be null");
}

function combinations(matrix: Value, block: Block, scope: Scope): readonly Scope[] {
  if (!isMapping(matrix)) throw invalidName(block, "matrix must be a map");
  let rows: readonly ReadonlyMap<string, Value>[] = [new Map()];
  for (const [key, values] of matrix.entries) {
    const choices = isSequence(values) ? values.items : isMapping(values) ? [...values.entries.values()] : undefined;
    if (choices === undefined) throw invalidName(block, "matrix values must be a list");
    const count = rows.length * choices.length;
    if (count > bakeLimits.targets) throw invalidName(block, `a matrix makes at most ${bakeLimits.targets} targets`);
    scope.budget.spend(count);
    rows = choices.flatMap((choice) => rows.map((row) => new Map([...row, [key, choice]])));
  }
  return rows.map((row) => within(scope, row));
}

/** Evaluates the fields of targets when something asks for them. */
export class FieldReader {
  readonly #values = new Map<Instance, Map<string, unknown>>();
  readonly #waiting = new Map<Instance, Set<string>>();
  /** Fields as values again, by the block that has them. */
  readonly #encoded = new Map<Instance, Map<string, Value>>();

  /**
   * All that a block says of a target. What is no field is passed over, as buildx does.
   *
   * @throws {HclError} for a value that doesn't fit, and for a field of buildx that berth doesn't have
   */
  target(instance: Instance): Target {
    const { block, name } = instance;
    const missing = block.body.attributes.get("policy");
    if (missing !== undefined)
      throw new HclError(missing.nameRange, "Unsupported argument", "berth doesn't check policies yet.");
    const fields = [...block.body.attributes.keys()].flatMap((field) => {
      if (!isField(field)) return [];
      const value = this.field(instance, field);
      return value === undefined ? [] : [[field, value] as const];
    });
    // Each field was decoded as one of its own kind.
    return { name, ...(Object.fromEntries(fields) as TargetFields) };
  }

  group({ block, name, scope }: Instance): Group {
    const { description, targets } = Object.fromEntries(block.body.attributes);
    if (targets === undefined)
      throw new HclError(
        block.range,
        "Missing required argument",
        'The argument "targets" is required, but no definition was found.',
      );
    const shown =
      description === undefined
        ? undefined
        : decodeField("description", evaluate(description.expression, scope), description.expression.range);
    const names = decodeField("inherits", evaluate(targets.expression, scope), targets.expression.range);
    return {
      name,
      ...(typeof shown === "string" ? { description: shown } : {}),
      targets: Array.isArray(names) ? names : [],
    };
  }

  /** One field of a block; undefined where it hasn't it. @throws {HclError} */
  field(instance: Instance, name: keyof TargetFields): unknown {
    const attribute = instance.block.body.attributes.get(name);
    if (attribute === undefined) return undefined;
    const known = this.#values.get(instance) ?? new Map<string, unknown>();
    this.#values.set(instance, known);
    if (known.has(name)) return known.get(name);
    const waiting = this.#waiting.get(instance) ?? new Set<string>();
    this.#waiting.set(instance, waiting);
    const { expression } = attribute;
    if (waiting.has(name))
      throw new HclError(
        expression.range,
        "Invalid expression",
        `reference cycle not allowed for ${instance.block.type}.${instance.name}.${name}`,
      );
    waiting.add(name);
    try {
      const { scope } = instance;
      const value = scope.budget.call(() => decodeField(name, evaluate(expression, scope), expression.range));
      known.set(name, value);
      return value;
    } finally {
      waiting.delete(name);
    }
  }

  /** A field as a value, of the last block that has it; null where none has. @throws {HclError} */
  reference(instances: readonly Instance[], step: Extract<Step, { readonly kind: "attribute" }>): Value {
    const { name, range } = step;
    if (name === "name") return text(instances[0]?.name ?? "");
    if (!isField(name))
      throw new HclError(
        range,
        "Unsupported attribute",
        `This object does not have an attribute named ${JSON.stringify(name)}.`,
      );
    const owner = instances.findLast(({ block }) => block.body.attributes.has(name));
    if (owner === undefined) return encodeField(name, undefined);
    const known = this.#encoded.get(owner) ?? new Map<string, Value>();
    this.#encoded.set(owner, known);
    const value = known.get(name) ?? encodeField(name, this.field(owner, name));
    known.set(name, value);
    return value;
  }

  /** A whole block as a value. @throws {HclError} */
  whole(instances: readonly Instance[]): Value {
    const range = instances[0]?.block.range;
    if (range === undefined) throw new Error("no block");
    const names = Object.keys(fieldKinds).filter(isField);
    return object(names.map((name) => [name, this.reference(instances, { kind: "attribute", name, range })] as const));
  }
}
