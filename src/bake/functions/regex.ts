import { setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import { ArgumentError, type Callable } from "../eval/scope.ts";
import { bakeLimits } from "../limits.ts";
import { types } from "../value/type.ts";
import { list, nullValue, object, text, tuple, typeOf, type Value } from "../value/value.ts";
import { define, param, textOf } from "./define.ts";

/** Go's syntax where JavaScript writes another: named groups, flags in front, the text's ends. */
function toJavaScript(pattern: string): { readonly pattern: string; readonly flags: string } {
  const [, given = "", rest = pattern] = /^\(\?([ims]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  const flags = [...new Set(given)].join("");
  const translated = rest
    .replaceAll("(?P<", "(?<")
    .replaceAll(/\\([\s\S])/g, (whole, sign: string) => (sign === "A" ? "^" : sign === "z" ? "$" : whole));
  return { pattern: translated, flags: `${flags}u` };
}

let linear: boolean | undefined;

/** V8's engine that takes linear time, as Go's does; an ordinary one where the pattern is beyond it. */
function compile(given: string): { readonly regex: RegExp; readonly isLinear: boolean } {
  if (linear === undefined) {
    setFlagsFromString("--enable-experimental-regexp-engine");
    linear = true;
  }
  const { pattern, flags } = toJavaScript(given);
  try {
    return { regex: new RegExp(pattern, `${flags}gl`), isLinear: true };
  } catch {
    try {
      return { regex: new RegExp(pattern, `${flags}g`), isLinear: false };
    } catch (error) {
      throw new ArgumentError(
        0,
        `invalid regexp pattern: ${error instanceof Error ? error.message : error}`,
        "pattern",
      );
    }
  }
}

const matching = new Script("[...given.matchAll(regex)]");

/** All matches; of an engine that may take for ever, what it finds in time. */
function matchesOf(pattern: string, given: string): readonly RegExpMatchArray[] {
  const { regex, isLinear } = compile(pattern);
  if (isLinear) return [...given.matchAll(regex)];
  try {
    return matching.runInContext(createContext({ given, regex }), { timeout: bakeLimits.match });
  } catch (error) {
    if (!isTimeout(error)) throw error;
    throw new ArgumentError(0, `the pattern takes longer than ${bakeLimits.match} ms to match`, "pattern");
  }
}

/** The error is one of the script's own world, where `Error` is another. */
function isTimeout(error: unknown): boolean {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}

function capture(found: RegExpMatchArray): Value {
  const named = Object.entries(found.groups ?? {});
  const value = (part: string | undefined): Value =>
    part === undefined ? { kind: "null", type: types.string } : text(part);
  const groups = found.length - 1;
  if (named.length > 0 && named.length < groups)
    throw new ArgumentError(0, "invalid regexp pattern: cannot mix both named and unnamed capture groups", "pattern");
  if (named.length > 0) return object(named.map(([name, part]) => [name, value(part)] as const));
  return groups === 0 ? text(found[0]) : tuple(found.slice(1).map(value));
}

/** Go's `$1`, `${name}` and `$$` in a replacement. */
function expand(template: string, found: RegExpMatchArray): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare?: string, braced?: string) => {
    const name = bare ?? braced;
    if (name === undefined) return whole === "$$" ? "$" : whole;
    return (/^\d+$/.test(name) ? found[Number(name)] : found.groups?.[name]) ?? "";
  });
}

const params = [param("pattern", "string"), param("string", "string")];

/** Functions of regular expressions. @see go-cty, function/stdlib/regexp.go */
export const regexFunctions: Readonly<Record<string, Callable>> = {
  regex: define({
    params,
    run: ([pattern, given]) => {
      const [first] = matchesOf(textOf(pattern), textOf(given));
      if (first === undefined) throw new Error("pattern did not match any part of the given string");
      return capture(first);
    },
  }),
  regexall: define({
    params,
    run: ([pattern, given]) => {
      const found = matchesOf(textOf(pattern), textOf(given)).map(capture);
      return list(found, typeOf(found[0] ?? nullValue));
    },
  }),
  regex_replace: define({
    params: [param("str", "string"), param("pattern", "string"), param("replace", "string")],
    run: ([string, pattern, replacement], { budget }) => {
      const given = textOf(string);
      let [result, at] = ["", 0];
      for (const found of matchesOf(textOf(pattern), given)) {
        const start = found.index ?? 0;
        result += given.slice(at, start) + expand(textOf(replacement), found);
        at = start + found[0].length;
        budget.spendText(result.length);
      }
      return text(result + given.slice(at));
    },
  }),
};
