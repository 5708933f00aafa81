import { BerthError } from "../base/errors.ts";
import type {
  AnyInstruction,
  Arg,
  Command,
  CommandLine,
  From,
  HealthcheckInstruction,
  Onbuild,
  Pairs,
  Run,
  Shell,
  Single,
  Words,
} from "./ast.ts";
import { parseDevice } from "./device.ts";
import { parseFlags } from "./flags.ts";
import { parseHealthcheck } from "./healthcheck.ts";
import { checkMount } from "./mount.ts";
import { trim } from "./space.ts";
import { nodeOf, type Statement } from "./statements.ts";
import { withSuggestion } from "./suggest.ts";
import { parseAdd, parseCopy } from "./transfer.ts";

// Second half of parsing: what a statement means.

const parsers = {
  ADD: parseAdd,
  ARG: parseArg,
  CMD: (statement) => parseCommand(statement, "CMD"),
  COPY: parseCopy,
  ENTRYPOINT: (statement) => parseCommand(statement, "ENTRYPOINT"),
  ENV: (statement) => parsePairs(statement, "ENV"),
  EXPOSE: parseExpose,
  FROM: parseFrom,
  HEALTHCHECK: (statement): HealthcheckInstruction => ({
    kind: "HEALTHCHECK",
    ...nodeOf(statement),
    healthcheck: parseHealthcheck(statement),
  }),
  LABEL: (statement) => parsePairs(statement, "LABEL"),
  MAINTAINER: (statement) => parseSingle(statement, "MAINTAINER"),
  ONBUILD: parseOnbuild,
  RUN: parseRun,
  SHELL: parseShell,
  STOPSIGNAL: parseStopSignal,
  USER: (statement) => parseSingle(statement, "USER"),
  VOLUME: parseVolume,
  WORKDIR: (statement) => parseSingle(statement, "WORKDIR"),
} satisfies Record<AnyInstruction["kind"], (statement: Statement) => AnyInstruction>;

/**
 * Understand a statement.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message, without the line
 */
export function parseStatement(statement: Statement): AnyInstruction {
  const kind = statement.keyword.toUpperCase();
  if (isKind(kind)) return parsers[kind](statement);
  throw wrong(unknownInstruction(statement.keyword));
}

function isKind(kind: string): kind is AnyInstruction["kind"] {
  return Object.hasOwn(parsers, kind);
}

function unknownInstruction(keyword: string): string {
  const lower = keyword === keyword.toLowerCase() || keyword !== keyword.toUpperCase();
  const names = Object.keys(parsers).map((name) => (lower ? name.toLowerCase() : name));
  return withSuggestion(`unknown instruction: ${keyword}`, lower ? keyword.toLowerCase() : keyword, names);
}

function wrong(message: string, hint?: string): BerthError {
  return new BerthError("invalid-argument", message, hint === undefined ? {} : { hint });
}

/** Only for instructions that have no flags: any flag is an error. */
function refuseFlags(statement: Statement): void {
  parseFlags(statement.flags, {});
}

function parseFrom(statement: Statement): From {
  const [base = "", keyword = "", as] = statement.args;
  const count = statement.args.length;
  if (count !== 1 && !(count === 3 && keyword.toLowerCase() === "as"))
    throw wrong("FROM requires either one or three arguments", commentHint(statement.args));
  if (as !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(as.toLowerCase()))
    throw wrong(
      `invalid name for build stage: ${JSON.stringify(as)}, name can't start with a number or contain symbols`,
    );
  const platform = parseFlags(statement.flags, { platform: "string" })("platform")[0] || undefined;
  return {
    kind: "FROM",
    ...nodeOf(statement),
    base,
    ...(platform !== undefined && { platform }),
    ...(as !== undefined && { as }),
  };
}

function commentHint(args: readonly string[]): string | undefined {
  if (!args.some((arg) => arg.startsWith("#"))) return undefined;
  return "A comment needs a line of its own: # only starts one at the beginning of a line.";
}

function parseRun(statement: Statement): Run {
  const flags = parseFlags(statement.flags, { mount: "list", network: "string", security: "string", device: "list" });
  const network = flags("network")[0] ?? "default";
  const security = flags("security")[0] ?? "sandbox";
  for (const mount of flags("mount")) checkMount(mount);
  if (network !== "default" && network !== "none" && network !== "host")
    throw wrong(`invalid network mode ${JSON.stringify(network)}`);
  if (security !== "sandbox" && security !== "insecure")
    throw wrong(`security ${JSON.stringify(security)} is not valid`);
  return {
    kind: "RUN",
    ...nodeOf(statement),
    command: commandLine(statement),
    heredocs: statement.heredocs,
    mounts: flags("mount"),
    network,
    security,
    devices: flags("device").map(checkDevice),
  };
}

function commandLine({ json, args }: Statement): CommandLine {
  return json ? { form: "exec", args } : { form: "shell", command: args.join(" ") };
}

function parseCommand(statement: Statement, kind: Command["kind"]): Command {
  refuseFlags(statement);
  return { kind, ...nodeOf(statement), command: commandLine(statement) };
}

function parsePairs(statement: Statement, kind: Pairs["kind"]): Pairs {
  refuseFlags(statement);
  const { pairs = [] } = statement;
  if (pairs.length === 0) throw wrong(`${kind} requires at least one argument`);
  if (pairs.some(({ key }) => key === "")) throw wrong(`${kind} names can not be blank`);
  return { kind, ...nodeOf(statement), pairs };
}

function parseArg(statement: Statement): Arg {
  if (statement.args.length === 0) throw wrong("ARG requires at least one argument");
  const args = statement.args.map((word) => {
    const at = word.indexOf("=");
    if (at === 0) throw wrong("ARG names can not be blank");
    return at < 0 ? { name: word } : { name: word.slice(0, at), value: word.slice(at + 1) };
  });
  return { kind: "ARG", ...nodeOf(statement), args };
}

function parseSingle(statement: Statement, kind: Single["kind"]): Single {
  const single = parseStopSignal(statement, kind);
  refuseFlags(statement);
  return single;
}

function parseStopSignal(statement: Statement, kind: Single["kind"] = "STOPSIGNAL"): Single {
  const [value] = statement.args;
  if (value === undefined) throw wrong(`${kind} requires exactly one argument`);
  return { kind, ...nodeOf(statement), value };
}

function parseExpose(statement: Statement): Words {
  if (statement.args.length === 0) throw wrong("EXPOSE requires at least one argument");
  refuseFlags(statement);
  return { kind: "EXPOSE", ...nodeOf(statement), words: statement.args.toSorted() };
}

function parseVolume(statement: Statement): Words {
  if (statement.args.length === 0) throw wrong("VOLUME requires at least one argument");
  refuseFlags(statement);
  const words = statement.args.map(trim);
  if (words.includes("")) throw wrong("VOLUME specified can not be an empty string");
  return { kind: "VOLUME", ...nodeOf(statement), words };
}

function parseOnbuild(statement: Statement): Onbuild {
  const [trigger] = statement.args;
  if (trigger === undefined) throw wrong("ONBUILD requires at least one argument");
  refuseFlags(statement);
  const kind = trigger.toUpperCase();
  if (kind === "ONBUILD") throw wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (kind === "MAINTAINER" || kind === "FROM") throw wrong(`${kind} isn't allowed as an ONBUILD trigger`);
  const heredocs = statement.heredocs.map(({ content, name }) => `\n${content}${name}`).join("");
  const expression = statement.original.replace(/^onbuild\s*/i, "") + heredocs;
  return { kind: "ONBUILD", ...nodeOf(statement), expression };
}

function parseShell(statement: Statement): Shell {
  refuseFlags(statement);
  if (statement.args.length === 0) throw wrong("SHELL requires at least one argument");
  if (!statement.json) throw wrong("SHELL requires the arguments to be in JSON form");
  return { kind: "SHELL", ...nodeOf(statement), shell: statement.args };
}

function checkDevice(text: string): string {
  parseDevice(text);
  return text;
}
