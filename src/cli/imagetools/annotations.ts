import { BerthError } from "../../base/errors.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";

/** An annotation, and what it is for. */
export interface Annotation {
  /** Empty where none is named. */
  readonly type: string;
  readonly platform: Platform | undefined;
  readonly key: string;
  readonly value: string;
}

const types = ["index", "index-descriptor", "manifest", "manifest-descriptor"];

/** Read `[TYPE[PLATFORM],…:]KEY=VALUE`. @throws {CliError} in buildx's words @see buildx, util/buildflags/export.go */
export function parseAnnotations(given: readonly string[]): readonly Annotation[] {
  return given.filter((text) => text !== "").flatMap(parseAnnotation);
}

function parseAnnotation(text: string): readonly Annotation[] {
  const equals = text.indexOf("=");
  if (equals < 0) throw wrong(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
  const [left, value] = [text.slice(0, equals), text.slice(equals + 1)];
  const colon = left.indexOf(":");
  if (colon < 0) return [{ type: "", platform: undefined, key: left, value }];
  const key = left.slice(colon + 1);
  return left
    .slice(0, colon)
    .split(",")
    .map((each) => ({ ...parseType(each), key, value }));
}

function parseType(text: string): Pick<Annotation, "type" | "platform"> {
  const found = /^([a-z-]+)(?:\[([A-Za-z0-9_/-]+)\])?$/.exec(text);
  if (found === null) {
    const expected = "expected type and optional platform in square brackets";
    throw wrong(`invalid annotation type ${JSON.stringify(text)}, ${expected}`);
  }
  const [, type = "", platform] = found;
  if (!types.includes(type)) throw wrong(`unknown annotation type ${JSON.stringify(type)}`);
  return { type, platform: platform === undefined ? undefined : platformIn(platform) };
}

function platformIn(text: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw wrong(`invalid platform ${JSON.stringify(text)}: ${error.message}`);
  }
}

function wrong(why: string): CliError {
  return new CliError(`ERROR: failed to parse annotations: ${why}`);
}
