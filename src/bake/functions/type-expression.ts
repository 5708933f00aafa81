import { type Expression, keywordOf } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { parseExpressionText } from "../hcl/parse-text.ts";
import { listOf, mapOf, objectOf, setOf, type Type, tupleOf, types } from "../value/type.ts";

/**
 * The type that an expression names: `string`, `list(number)`, `object({a = optional(string)})`.
 *
 * @throws {HclError} @see HCL, ext/typeexpr
 */
export function typeOfExpression(expression: Expression): Type {
  const given = fromJson(expression);
  const word = keywordOf(given);
  if (word !== undefined) return simpleType(word, given);
  if (given.kind === "parentheses") return typeOfExpression(given.inner);
  if (given.kind !== "call")
    throw invalid(
      given,
      "A type specification is either a primitive type keyword (bool, number, string) or a complex type constructor call, like list(string).",
    );
  const [argument] = given.args;
  if (argument === undefined || given.args.length > 1)
    throw invalid(given, `The ${given.name} type constructor requires one argument specifying the element type.`);
  switch (given.name) {
    case "list":
      return listOf(typeOfExpression(argument));
    case "set":
      return setOf(typeOfExpression(argument));
    case "map":
      return mapOf(typeOfExpression(argument));
    case "tuple":
      return tupleType(argument);
    case "object":
      return objectType(argument);
    default:
      throw invalid(given, `Keyword ${JSON.stringify(given.name)} is not a valid type constructor.`);
  }
}

/** A JSON file has a type as the text of an expression. */
function fromJson(expression: Expression): Expression {
  if (expression.kind !== "template" || expression.json === undefined || keywordOf(expression) !== undefined)
    return expression;
  return parseExpressionText({ name: expression.range.source.name, text: expression.json });
}

function simpleType(word: string, given: Expression): Type {
  switch (word) {
    case "string":
    case "number":
    case "bool":
      return types[word];
    case "any":
      return types.dynamic;
    case "list":
    case "set":
    case "map":
      throw invalid(given, `The ${word} type constructor requires one argument specifying the element type.`);
    case "object":
      throw invalid(
        given,
        "The object type constructor requires one argument specifying the attribute types and values as a map.",
      );
    case "tuple":
      throw invalid(given, "The tuple type constructor requires one argument specifying the element types as a list.");
    default:
      throw invalid(given, `The keyword ${JSON.stringify(word)} is not a valid type specification.`);
  }
}

function tupleType(argument: Expression): Type {
  if (argument.kind !== "tuple") throw invalid(argument, "Tuple type constructor requires a list of element types.");
  return tupleOf(argument.items.map(typeOfExpression));
}

function objectType(argument: Expression): Type {
  if (argument.kind !== "object")
    throw invalid(
      argument,
      "Object type constructor requires a map whose keys are attribute names and whose values are the corresponding attribute types.",
    );
  const optional: string[] = [];
  const attributes = argument.items.map(({ key, value }) => {
    const name = nameOf(key);
    if (value.kind !== "call" || value.name !== "optional") return [name, typeOfExpression(value)] as const;
    optional.push(name);
    const [inner] = value.args;
    if (inner === undefined || value.args.length > 1)
      throw invalid(value, "Optional attribute modifier expects one argument: the attribute's type.");
    return [name, typeOfExpression(inner)] as const;
  });
  return objectOf(attributes, optional);
}

function nameOf(key: Expression): string {
  if (key.kind === "literal" && key.value.kind === "string") return key.value.value;
  const [part] = key.kind === "template" ? key.parts : [];
  if (part?.kind === "literal" && part.value.kind === "string") return part.value.value;
  throw invalid(key, "Object constructor map keys must be attribute names.");
}

function invalid({ range }: Expression, detail: string): HclError {
  return new HclError(range, "Invalid type specification", detail);
}
