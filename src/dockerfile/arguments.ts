import { BerthError } from "../base/errors.ts";
import type { Escape, KeyValue } from "./ast.ts";
import { cutAtBlank, trim } from "./space.ts";
import { parseJSONForm, splitBlanks, splitFlags, splitQuoted } from "./words.ts";

/** What follows the keyword and the flags. */
export interface Arguments {
  /** The words as the instruction's grammar splits them; for the shell form the whole rest of the line as one. */
  readonly args: readonly string[];
  /** True for the JSON form. */
  readonly json: boolean;
  /** ENV and LABEL only. */
  readonly pairs?: readonly KeyValue[];
  /** ONBUILD only: the instruction that waits. */
  readonly trigger?: { readonly keyword: string; readonly arguments: Arguments };
}

/**
 * Split the arguments of an instruction. An unknown one has none.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function parseArguments(keyword: string, rest: string, escapeChar: Escape): Arguments {
  const kind = keyword.toUpperCase();
  switch (kind) {
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
    case "SHELL":
      return jsonOr(rest, whole);
    case "ADD":
    case "COPY":
    case "VOLUME":
      return jsonOr(rest, splitBlanks);
    case "EXPOSE":
    case "FROM":
      return words(splitBlanks(rest));
    case "MAINTAINER":
    case "STOPSIGNAL":
    case "USER":
    case "WORKDIR":
      return words(whole(rest));
    case "ARG":
      return words(splitQuoted(rest, escapeChar));
    case "ENV":
    case "LABEL":
      return { ...words([]), pairs: parsePairs(kind, rest, escapeChar) };
    case "HEALTHCHECK":
      return parseHealthcheck(rest);
    case "ONBUILD":
      return parseOnbuild(rest, escapeChar);
    default:
      return words([]);
  }
}

/** True when `<<` on such an instruction means lines that follow: RUN, COPY and ADD without JSON, ONBUILD before them. */
export function heredocsAllowed(keyword: string, given: Arguments): boolean {
  if (given.trigger !== undefined) return heredocsAllowed(given.trigger.keyword, given.trigger.arguments);
  return /^(run|copy|add)$/i.test(keyword) && !given.json;
}

function words(args: readonly string[]): Arguments {
  return { args, json: false };
}

function whole(rest: string): readonly string[] {
  return rest === "" ? [] : [rest];
}

function jsonOr(rest: string, split: (rest: string) => readonly string[]): Arguments {
  const form = parseJSONForm(rest);
  if (form === undefined) return words(split(rest));
  if ("wrong" in form) throw new BerthError("invalid-argument", form.wrong);
  return { args: form.args, json: true };
}

/** `a=1 b="2 3"`, or the old form `a 1 and the rest`. */
function parsePairs(kind: string, rest: string, escapeChar: Escape): readonly KeyValue[] {
  const parts = splitQuoted(rest, escapeChar);
  if (parts[0]?.includes("=") === false) {
    const [key, value] = cutAtBlank(rest);
    if (value === undefined) throw new BerthError("invalid-argument", `${kind} must have two arguments`);
    return [{ key, value, legacy: true }];
  }
  return parts.map((part) => {
    const at = part.indexOf("=");
    if (at < 0)
      throw new BerthError(
        "invalid-argument",
        `Syntax error - can't find = in ${JSON.stringify(part)}. Must be of the form: name=value`,
        { hint: "A value with blanks in it needs quotes." },
      );
    return { key: part.slice(0, at), value: part.slice(at + 1), legacy: false };
  });
}

/** The kind of check, then what RUN takes. */
function parseHealthcheck(rest: string): Arguments {
  if (rest === "") return words([]);
  const [type, more = ""] = cutAtBlank(rest);
  const command = jsonOr(more, whole);
  return { ...command, args: [type, ...command.args] };
}

function parseOnbuild(rest: string, escapeChar: Escape): Arguments {
  if (rest === "") return words([]);
  const [keyword, more = ""] = cutAtBlank(rest);
  const trigger = parseArguments(keyword, trim(splitFlags(more, escapeChar).rest), escapeChar);
  return { ...words([keyword, ...trigger.args]), trigger: { keyword, arguments: trigger } };
}
