import { BerthError } from "../base/errors.ts";
import { parseCSV } from "./csv.ts";
import { withSuggestion } from "./suggest.ts";

// `RUN --device=NAME[,required]`. @see Dockerfile reference, "RUN --device"

/** A device that a step asks for: `vendor/class=name`, `vendor/class`, or a class by itself. */
export interface DeviceRequest {
  readonly name: string;
  readonly required: boolean;
}

/** Read the value of `--device`. @throws {BerthError} invalid-argument with BuildKit's message */
export function parseDevice(text: string): DeviceRequest {
  return fieldsOf(text).reduce<DeviceRequest>(withField, { name: "", required: false });
}

function withField(request: DeviceRequest, field: string): DeviceRequest {
  const { key, value } = pairIn(field);
  if (key === "required") return { ...request, required: value === undefined || boolean(key, value) };
  if (key === "name" && value !== undefined) {
    if (request.name !== "") throw wrong(`device name already set to ${request.name}`);
    return { ...request, name: value };
  }
  if (request.name === "") return { ...request, name: field };
  if (value === undefined) throw wrong(`invalid field '${field}' must be a key=value pair`);
  throw wrong(withSuggestion(`unexpected key '${key}' in '${field}'`, key, ["name", "required"]));
}

function pairIn(field: string): { readonly key: string; readonly value: string | undefined } {
  const equals = field.indexOf("=");
  if (equals < 0) return { key: field.toLowerCase(), value: undefined };
  return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) };
}

function fieldsOf(text: string): readonly string[] {
  if (text === "") throw wrong("failed to parse csv devices: EOF");
  try {
    return parseCSV(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw wrong(`failed to parse csv devices: ${error.message}`);
  }
}

function boolean(key: string, value: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw wrong(`invalid value for ${key}: ${value}`);
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
