import { BerthError } from "../base/errors.ts";
import type { CommandLine } from "../dockerfile/ast.ts";
import { namesSecret } from "../dockerfile/lint.ts";
import { signalNumber } from "../oci/signal.ts";
import { healthcheckText, plainList, quoteList } from "./go-format.ts";
import { exposedPorts, portParts } from "./ports.ts";
import {
  builderArgs,
  type DeclaredArg,
  type StageContext,
  type StageState,
  splitPair,
  withConfig,
  withHistory,
  withVariable,
} from "./stage-state.ts";
import type { ArgStep, CommandStep, MetadataStep, PairsStep, SingleStep, WordsStep } from "./steps.ts";

/**
 * Apply a step that makes no layer. History texts are BuildKit's.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function applyMetadata(state: StageState, context: StageContext, step: MetadataStep): StageState {
  switch (step.kind) {
    case "ENV":
      return applyEnv(state, context, step);
    case "LABEL":
      return applyLabel(state, step);
    case "ARG":
      return applyArg(state, context, step);
    case "CMD":
    case "ENTRYPOINT":
      return applyCommand(state, context, step);
    case "EXPOSE":
      return applyExpose(state, context, step);
    case "VOLUME":
      return applyVolume(state, step);
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
      return applySingle(state, step);
  }
}

/** The arguments of a command: as given, or the shell's. */
export function commandArgs(state: StageState, command: CommandLine): readonly string[] {
  return command.form === "exec" ? command.args : withShell(state, command.command);
}

/** A command line for the stage's `SHELL`. */
function withShell(state: StageState, command: string): readonly string[] {
  const shell = state.image.config.Shell ?? [];
  return [...(shell.length === 0 ? ["/bin/sh", "-c"] : shell), command];
}

function applyEnv(state: StageState, context: StageContext, { pairs }: PairsStep): StageState {
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

function applyLabel(state: StageState, { pairs }: PairsStep): StageState {
  const Labels = sorted({ ...state.image.config.Labels, ...Object.fromEntries(pairs) });
  return withHistory(
    withConfig(state, { Labels }),
    ["LABEL", ...pairs.map(([key, value]) => `${key}=${value}`)].join(" "),
  );
}

function applyArg(state: StageState, context: StageContext, step: ArgStep): StageState {
  let next = state;
  const shown: string[] = [];
  for (const { name, value } of step.args) {
    if (namesSecret(name)) context.warn("SecretsUsedInArgOrEnv", "ARG", name);
    const declared: DeclaredArg = value === undefined ? { name } : { name, value };
    next = { ...next, args: [...next.args, declared] };
    if (value !== undefined && !builderArgs.has(name)) next = withVariable(next, name, value);
    shown.push(value === undefined ? name : `${name}=${value}`);
  }
  return withHistory(next, `ARG ${shown.join(" ")}`);
}

function applyCommand(state: StageState, context: StageContext, step: CommandStep): StageState {
  const { Shell = [] } = state.image.config;
  if (step.command.form === "shell" && Shell.length === 0) context.warn("JSONArgsRecommended", context.keyword);
  const args = commandArgs(state, step.command);
  const text = `${step.kind} ${quoteList(args)}`;
  if (step.kind === "CMD")
    return withHistory({ ...withConfig(state, { Cmd: args, ArgsEscaped: true }), cmdSet: true }, text);
  const next = withConfig(state, { Entrypoint: args });
  if (state.cmdSet) return withHistory(next, text);
  const { Cmd: _inherited, ...config } = next.image.config;
  return withHistory({ ...next, image: { ...next.image, config } }, text);
}

function applyExpose(state: StageState, context: StageContext, { words }: WordsStep): StageState {
  for (const text of words) lintPort(context, text);
  // In the order of what was written, as BuildKit has them.
  const ports = [...new Set(words.toSorted().flatMap(exposedPorts))];
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

function applyVolume(state: StageState, { words: paths }: WordsStep): StageState {
  if (paths.includes("")) throw new BerthError("invalid-argument", "VOLUME specified can not be an empty string");
  const added = Object.fromEntries(paths.map((path) => [path, {}]));
  return withHistory(
    withConfig(state, { Volumes: sorted({ ...state.image.config.Volumes, ...added }) }),
    `VOLUME ${plainList(paths)}`,
  );
}

function applySingle(state: StageState, { kind, value }: SingleStep): StageState {
  if (kind === "MAINTAINER")
    return withHistory({ ...state, image: { ...state.image, author: value } }, `MAINTAINER ${value}`);
  if (kind === "USER") return withHistory(withConfig(state, { User: value }), `USER ${value}`);
  if (signalNumber(value) === undefined) throw new BerthError("invalid-argument", `invalid signal: ${value}`);
  return withHistory(withConfig(state, { StopSignal: value }), `STOPSIGNAL ${value}`);
}

/** Keys in Go's order of map keys, so that equal configs have equal bytes. */
function sorted<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
}
