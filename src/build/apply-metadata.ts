import { BerthError } from "../base/errors.ts";
import type { Arg, Command, CommandLine, Instruction, Pairs, Single, Words } from "../dockerfile/ast.ts";
import { expandWords } from "../dockerfile/expand.ts";
import { namesSecret } from "../dockerfile/lint.ts";
import { healthcheckText, plainList, quoteList } from "./go-format.ts";
import { exposedPorts, portParts } from "./ports.ts";
import { signalNumber } from "./signals.ts";
import {
  builderArgs,
  type DeclaredArg,
  type StageContext,
  type StageState,
  splitPair,
  withConfig,
  withHistory,
  withVariable,
  word,
} from "./stage-state.ts";

/** Instructions that only change the image's config. */
export type MetadataInstruction = Exclude<Instruction, { readonly kind: "RUN" | "COPY" | "ADD" | "WORKDIR" }> | Single;

/**
 * Apply an instruction that makes no layer. History texts are BuildKit's.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function applyMetadata(state: StageState, context: StageContext, step: MetadataInstruction): StageState {
  switch (step.kind) {
    case "ENV":
      return applyEnv(state, context, step);
    case "LABEL":
      return applyLabel(state, context, step);
    case "ARG":
      return applyArg(state, context, step);
    case "CMD":
    case "ENTRYPOINT":
      return applyCommand(state, context, step);
    case "EXPOSE":
    case "VOLUME":
      return step.kind === "EXPOSE" ? applyExpose(state, context, step) : applyVolume(state, context, step);
    case "HEALTHCHECK":
      return withHistory(
        withConfig(state, { Healthcheck: step.healthcheck }),
        `HEALTHCHECK ${healthcheckText(step.healthcheck)}`,
      );
    case "SHELL":
      return withHistory(withConfig(state, { Shell: step.shell }), `SHELL ${plainList(step.shell)}`);
    case "ONBUILD":
      return withConfig(state, { OnBuild: [...(state.image.config.OnBuild ?? []), step.expression] });
    default:
      return applySingle(state, context, step);
  }
}

/** The arguments of a command: as given, or the shell's. */
export function commandArgs(state: StageState, command: CommandLine): readonly string[] {
  return command.form === "exec" ? command.args : withShell(state, command.command);
}

/** A command line for the stage's `SHELL`. */
export function withShell(state: StageState, command: string): readonly string[] {
  const shell = state.image.config.Shell ?? [];
  return [...(shell.length === 0 ? ["/bin/sh", "-c"] : shell), command];
}

function applyEnv(state: StageState, context: StageContext, step: Pairs): StageState {
  const pairs = expandPairs(state, context, step);
  let next = state;
  for (const [key, value] of pairs) {
    if (namesSecret(key)) context.warn("SecretsUsedInArgOrEnv", "ENV", key);
    const env = next.image.config.Env ?? [];
    const index = env.findIndex((pair) => splitPair(pair)[0] === key);
    const pair = `${key}=${value}`;
    next = withConfig(withVariable(next, key, value), {
      Env: index < 0 ? [...env, pair] : env.with(index, pair),
    });
  }
  return withHistory(next, ["ENV", ...pairs.map(([key, value]) => `${key}=${value}`)].join(" "));
}

function applyLabel(state: StageState, context: StageContext, step: Pairs): StageState {
  const pairs = expandPairs(state, context, step);
  const Labels = sorted({ ...state.image.config.Labels, ...Object.fromEntries(pairs) });
  return withHistory(
    withConfig(state, { Labels }),
    ["LABEL", ...pairs.map(([key, value]) => `${key}=${value}`)].join(" "),
  );
}

/** Every pair of an instruction sees the variables from before the instruction. */
function expandPairs(state: StageState, context: StageContext, step: Pairs): readonly (readonly [string, string])[] {
  const pairs = step.pairs.map(({ key, value }) => [word(state, context, key), word(state, context, value)] as const);
  for (const { legacy } of step.pairs) if (legacy) context.warn("LegacyKeyValueFormat", step.keyword);
  return pairs;
}

function applyArg(state: StageState, context: StageContext, step: Arg): StageState {
  let next = state;
  const shown: string[] = [];
  for (const { name, value: fallback } of step.args) {
    if (namesSecret(name)) context.warn("SecretsUsedInArgOrEnv", "ARG", name);
    const value =
      context.buildArgs.get(name) ??
      (fallback === undefined ? context.globalArgs.get(name) : word(next, context, fallback));
    const declared: DeclaredArg = value === undefined ? { name } : { name, value };
    next = { ...next, args: [...next.args, declared] };
    if (value !== undefined && !builderArgs.has(name)) next = withVariable(next, name, value);
    shown.push(value === undefined ? name : `${name}=${value}`);
  }
  return withHistory(next, `ARG ${shown.join(" ")}`);
}

function applyCommand(state: StageState, context: StageContext, step: Command): StageState {
  const { Shell = [] } = state.image.config;
  if (step.command.form === "shell" && Shell.length === 0) context.warn("JSONArgsRecommended", step.keyword);
  const args = commandArgs(state, step.command);
  const text = `${step.kind} ${quoteList(args)}`;
  if (step.kind === "CMD")
    return withHistory({ ...withConfig(state, { Cmd: args, ArgsEscaped: true }), cmdSet: true }, text);
  const next = withConfig(state, { Entrypoint: args });
  if (state.cmdSet) return withHistory(next, text);
  const { Cmd: _inherited, ...config } = next.image.config;
  return withHistory({ ...next, image: { ...next.image, config } }, text);
}

function applyExpose(state: StageState, context: StageContext, step: Words): StageState {
  const lookup = (name: string): string | undefined => state.env.get(name);
  const words = step.words.flatMap((text) => expandWords(text, lookup, { escape: context.escape }));
  for (const text of words) lintPort(context, text);
  // In the order of what was written, as BuildKit has them.
  const ports = [...new Set(words.sort().flatMap(exposedPorts))];
  const added = Object.fromEntries(ports.map((port) => [port, {}]));
  return withHistory(
    withConfig(state, { ExposedPorts: sorted({ ...state.image.config.ExposedPorts, ...added }) }),
    `EXPOSE [${ports.join(" ")}]`,
  );
}

function lintPort({ warn }: StageContext, text: string): void {
  const { host, protocol } = portParts(text);
  if (protocol !== protocol.toLowerCase()) warn("ExposeProtoCasing", text);
  if (host !== "") warn("ExposeInvalidFormat", text);
}

function applyVolume(state: StageState, context: StageContext, step: Words): StageState {
  const paths = step.words.map((text) => word(state, context, text));
  if (paths.includes("")) throw new BerthError("invalid-argument", "VOLUME specified can not be an empty string");
  const added = Object.fromEntries(paths.map((path) => [path, {}]));
  return withHistory(
    withConfig(state, { Volumes: sorted({ ...state.image.config.Volumes, ...added }) }),
    `VOLUME ${plainList(paths)}`,
  );
}

function applySingle(state: StageState, context: StageContext, step: Single): StageState {
  if (step.kind === "MAINTAINER")
    return withHistory({ ...state, image: { ...state.image, author: step.value } }, `MAINTAINER ${step.value}`);
  const value = word(state, context, step.value);
  if (step.kind === "USER") return withHistory(withConfig(state, { User: value }), `USER ${value}`);
  if (signalNumber(value) === undefined) throw new BerthError("invalid-argument", `invalid signal: ${value}`);
  return withHistory(withConfig(state, { StopSignal: value }), `STOPSIGNAL ${value}`);
}

/** Keys in Go's order of map keys, so that equal configs have equal bytes. */
function sorted<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}
