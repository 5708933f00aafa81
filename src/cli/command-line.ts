import { existsSync } from "node:fs";
import { join } from "node:path";
import { build, version } from "../base/version.ts";
import type { Engine, EngineUse } from "../engine/engine.ts";
import { CliError } from "./cli-error.ts";
import type { Arity, Command } from "./command.ts";
import { settleBuilder } from "./flags/builder.ts";
import type { Flags, Values } from "./flags/flag.ts";
import { bool, text } from "./flags/kinds.ts";
import { FlagError, type Parsed, parseFlags } from "./flags/parse.ts";
import type { Entry, Group } from "./group.ts";
import { defaultColumns, helpText, usageLine } from "./help.ts";
import { groupOverview, overview } from "./overview.ts";
import { printError } from "./print-error.ts";
import { buildVerbs, groups, internalCommands, pathsOf, topLevel } from "./registry.ts";
import { nearest } from "./suggest.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { warnOn } from "./terminal/warn.ts";

const globalFlags = {
  config: text("Location of client config files", { shownDefault: '"~/.docker"' }),
  "config-file": text("Location of the settings file"),
  debug: bool("Enable debug mode", { short: "D" }),
  help: bool("Print usage", { short: "h", hidden: true }),
  root: text("Where images, layers and containers are kept"),
  "run-root": text("Where the state of what runs is kept"),
  version: bool("Print version information and quit", { short: "v" }),
};

/** Opens the engine; given to {@link runCommandLine}, so that `--version` and `--help` never load it. */
export type OpenEngine = (
  places: { readonly root?: string; readonly runRoot?: string },
  use: EngineUse,
) => Promise<Engine>;

type LazyEngine = (use: EngineUse) => Promise<Engine>;

/** Run one command line, without the program's name in front. @returns the exit code */
export async function runCommandLine(argv: readonly string[], io: Terminal, openEngine: OpenEngine): Promise<number> {
  let debug = io.env["BERTH_DEBUG"] === "1";
  try {
    const globals = parseGlobals(argv);
    debug ||= globals.values.debug;
    return await dispatch(globals, io, openEngine);
  } catch (error) {
    return printError(io, error, debug || io.env["BERTH_DEBUG"] === "1");
  }
}

interface Globals {
  readonly values: Values<typeof globalFlags>;
  readonly words: readonly string[];
}

function parseGlobals(argv: readonly string[]): Globals {
  const usage = "Usage:  berth [OPTIONS] COMMAND [ARG...]";
  const parsed = parsedOrUsage(globalFlags, argv, { interspersed: false, usage, path: "berth" });
  return { values: parsed.values as Values<typeof globalFlags>, words: parsed.positional };
}

async function dispatch({ values, words }: Globals, io: Terminal, openEngine: OpenEngine): Promise<number> {
  if (values.version) {
    io.stdout.write(`berth version ${version}, build ${build}\n`);
    return 0;
  }
  const [first, ...rest] = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  const group = first === undefined ? undefined : own(groups, first);
  if (first === undefined || values.help || first === "--help") {
    io.stdout.write(overview(globalFlags, columnsOf(io)));
    return 0;
  }
  setVariables(values, io);
  await using session = lazyEngine((use) => openEngine(placesOf(values), use));
  if (group !== undefined) return await runInGroup({ name: first, group, rest }, io, session.engine);
  const entry = own(topLevel, first) ?? own(internalCommands, first);
  if (entry === undefined) throw unknownCommand(first);
  const verb = first === "build" ? verbOfBuild(rest[0], io) : undefined;
  if (verb !== undefined)
    return await runEntry({ entry: verb, path: `berth build ${rest[0]}`, argv: rest.slice(1) }, io, session.engine);
  return await runEntry({ entry, path: `berth ${first}`, argv: rest }, io, session.engine);
}

/** What `build` does with its first word: a directory of that name is a context, as in Docker. */
function verbOfBuild(word: string | undefined, io: Terminal): Entry | undefined {
  const verb = word === undefined ? undefined : own(buildVerbs, word);
  if (verb === undefined || word === undefined || !existsSync(join(io.cwd, word))) return verb;
  io.stderr.write(
    `NOTE: ${word} is taken for a build context, since it is here; the command is \`berth builder ${word}\`\n`,
  );
  return undefined;
}

/** Where files of the user's are, and how much is told: what wants to know looks at variables alone. */
function setVariables({ config, debug, "config-file": settings }: Globals["values"], io: Terminal): void {
  if (debug) io.setVariable("BERTH_DEBUG", "1");
  if (config !== undefined) io.setVariable("DOCKER_CONFIG", config);
  if (settings !== undefined) io.setVariable("BERTH_CONFIG_FILE", settings);
}

function placesOf(values: Globals["values"]): { readonly root?: string; readonly runRoot?: string } {
  const { root, "run-root": runRoot } = values;
  return { ...(root === undefined ? {} : { root }), ...(runRoot === undefined ? {} : { runRoot }) };
}

interface GroupCall {
  readonly name: string;
  readonly group: Group;
  readonly rest: readonly string[];
}

async function runInGroup({ name, group, rest }: GroupCall, io: Terminal, engine: LazyEngine): Promise<number> {
  const usage = `Usage:  berth ${name}`;
  const { alone } = group;
  if (alone !== undefined && (rest[0] === undefined || /^-(?!-?h(?:elp)?$)/.test(rest[0])))
    return await runEntry({ entry: alone, path: `berth ${name}`, argv: rest }, io, engine);
  const { values, positional } = parsedOrUsage({ ...group.flags, help: globalFlags.help }, rest, {
    interspersed: false,
    usage,
    path: `berth ${name}`,
  });
  if (group.flags !== undefined) settleBuilder(values, io);
  const [word, ...argv] = positional;
  if (values["help"] === true || word === undefined) {
    io.stdout.write(groupOverview(name, group));
    return 0;
  }
  const inner = own(group.groups ?? {}, word);
  const within = inner === undefined ? undefined : own(groups, inner);
  if (within !== undefined) {
    const { alone: _, ...innerGroup } = within;
    return await runInGroup({ name: `${name} ${word}`, group: innerGroup, rest: argv }, io, engine);
  }
  const refusals = group.refused ?? {};
  const refusal = own(refusals, `${word} ${argv[0] ?? ""}`) ?? own(refusals, word);
  if (refusal !== undefined) throw new CliError(`ERROR: ${refusal.why}`, refusal);
  const entry = own(group.commands, own(group.synonyms, word) ?? word);
  if (entry === undefined) throw unknownInGroup(name, group, word);
  return await runEntry({ entry, path: `berth ${name} ${word}`, argv }, io, engine);
}

interface EntryCall {
  readonly entry: Entry;
  /** As the user called it: `berth image ls`. */
  readonly path: string;
  readonly argv: readonly string[];
}

async function runEntry({ entry, path, argv }: EntryCall, io: Terminal, engine: LazyEngine): Promise<number> {
  const { command } = await entry.load();
  const flags = withHelp(command.flags);
  const usage = usageLine({ path, synopsis: command.synopsis });
  const { values, given, positional, dash } = parsedOrUsage(flags, argv, { ...command, usage, path });
  if (values["help"] === true) {
    io.stdout.write(helpOf(entry, command, { path, columns: columnsOf(io) }));
    return 0;
  }
  checkArity(command.arity, positional.length, { path, usage });
  if (Object.hasOwn(flags, "builder")) settleBuilder(values, io);
  return await command.run({
    values,
    given,
    args: positional,
    ...(dash === undefined ? {} : { dash }),
    io,
    engine: () =>
      engine({
        onFullDisk: command.onFullDisk ?? false,
        warn: warnOn(io),
      }),
  });
}

/** `--help` everywhere; `-h` too, where it isn't the command's own, and then `--help` is listed. */
function withHelp(flags: Flags): Flags {
  const taken = Object.values(flags).some(({ short }) => short === "h");
  return { ...flags, help: bool("Print usage", taken ? {} : { short: "h", hidden: true }) };
}

function helpOf(
  entry: Entry,
  command: Command,
  { path, columns }: { readonly path: string; readonly columns: number },
): string {
  const paths = pathsOf(entry);
  return helpText(
    {
      ...command,
      path,
      summary: entry.summary,
      aliases: paths.length > 1 ? paths : [],
      flags: withHelp(command.flags),
    },
    columns,
  );
}

interface UsageContext {
  readonly usage: string;
  readonly path: string;
}

function parsedOrUsage(
  flags: Flags,
  argv: readonly string[],
  context: UsageContext & { readonly interspersed: boolean },
): Parsed {
  try {
    return parseFlags(flags, argv, context);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const more = `Run '${context.path} --help' for more information`;
    throw new CliError(error.message, { code: 125, usage: `${context.usage}\n\n${more}`, cause: error });
  }
}

/** @throws {CliError} in the words of Docker's client */
function checkArity({ min, max }: Arity, count: number, { path, usage }: UsageContext): void {
  if (count >= min && (max === undefined || count <= max)) return;
  const more = `${max === undefined ? "See" : "Run"} '${path} --help' for more information`;
  throw new CliError(`berth: '${path}' ${demand(min, max)}`, { usage: `${usage}\n\n${more}` });
}

function demand(min: number, max: number | undefined): string {
  const words = (count: number): string => `${count} argument${count === 1 ? "" : "s"}`;
  if (max === undefined) return `requires at least ${words(min)}`;
  if (max === 0) return "accepts no arguments";
  if (min === max) return `requires ${words(min)}`;
  return min === 0 ? `requires at most ${words(max)}` : `requires at least ${min} and at most ${words(max)}`;
}

function unknownCommand(word: string): CliError {
  const near = nearest(word, [...Object.keys(topLevel), ...Object.keys(groups)]);
  return new CliError(`berth: unknown command: berth ${word}`, {
    usage: "Run 'berth --help' for more information",
    ...(near === undefined ? {} : { hint: `Did you mean \`berth ${near}\`?` }),
  });
}

function unknownInGroup(name: string, { commands, synonyms, groups: inner }: Group, word: string): CliError {
  const near = nearest(word, [...Object.keys(commands), ...Object.keys(synonyms), ...Object.keys(inner ?? {})]);
  return new CliError(`berth: unknown command: berth ${name} ${word}`, {
    usage: `Usage:  berth ${name}\n\nRun 'berth ${name} --help' for more information`,
    ...(near === undefined ? {} : { hint: `Did you mean \`berth ${name} ${near}\`?` }),
  });
}

function columnsOf({ stdout }: Terminal): number {
  return stdout.columns ?? defaultColumns;
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** An engine that is opened at the first call and closed at the end, if it was opened. */
function lazyEngine(open: LazyEngine): AsyncDisposable & { readonly engine: LazyEngine } {
  let opened: Promise<Engine> | undefined;
  return {
    engine: (use) => {
      opened ??= open(use);
      return opened;
    },
    [Symbol.asyncDispose]: async () => {
      const engine = await opened?.catch(() => undefined);
      await engine?.[Symbol.asyncDispose]();
    },
  };
}
