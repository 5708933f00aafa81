import { resolve } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { exposedPorts } from "../build/ports.ts";
import { signalNumber } from "../container/signals.ts";
import type { AnyInstruction, CommandLine } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { parseInstructions } from "../dockerfile/parse.ts";
import type { RunConfig } from "../oci/image-config.ts";

/**
 * Read the instructions of `-c`, which change the config of an image that is imported or committed.
 *
 * @throws {BerthError} invalid-argument, in Docker's words, for one that can't stand there
 */
export function parseChanges(texts: readonly string[]): (config: RunConfig) => RunConfig {
  // Before it is parsed: Docker says the same of what is an instruction elsewhere, and of what is none at all.
  for (const keyword of texts.flatMap((text) => /^\s*([a-z]\S*)/i.exec(text)?.[1] ?? [])) refuseUnlessChange(keyword);
  const instructions = texts.flatMap((text) => parseInstructions(text));
  for (const { keyword } of instructions) refuseUnlessChange(keyword);
  return (config) => instructions.reduce(applyChange, commandOutlives(instructions) ? config : withoutCommand(config));
}

function refuseUnlessChange(keyword: string): void {
  if (changeKinds.has(keyword.toUpperCase())) return;
  throw new BerthError("invalid-argument", `${keyword} is not a valid change command`);
}

/** A new ENTRYPOINT drops a CMD that isn't among the changes: it was meant for another program. */
function commandOutlives(instructions: readonly AnyInstruction[]): boolean {
  const kinds = new Set(instructions.map(({ kind }) => kind));
  return !kinds.has("ENTRYPOINT") || kinds.has("CMD");
}

function withoutCommand({ Cmd: _, ...config }: RunConfig): RunConfig {
  return config;
}

const changeKinds: ReadonlySet<string> = new Set([
  ...[
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
  ],
]);

function applyChange(config: RunConfig, step: AnyInstruction): RunConfig {
  const word = (text: string): string => expandWord(text, (name) => valueIn(config.Env ?? [], name)).text;
  switch (step.kind) {
    case "CMD":
      return { ...config, Cmd: argsOf(config, step.command) };
    case "ENTRYPOINT":
      return { ...config, Entrypoint: argsOf(config, step.command) };
    case "ENV":
      return {
        ...config,
        Env: step.pairs.reduce((env, { key, value }) => withVariable(env, word(key), word(value)), config.Env ?? []),
      };
    case "LABEL":
      return {
        ...config,
        Labels: {
          ...config.Labels,
          ...Object.fromEntries(step.pairs.map(({ key, value }) => [word(key), word(value)])),
        },
      };
    case "EXPOSE":
      return {
        ...config,
        ExposedPorts: { ...config.ExposedPorts, ...keys(step.words.map(word).flatMap(exposedPorts)) },
      };
    case "VOLUME":
      return { ...config, Volumes: { ...config.Volumes, ...keys(step.words.map(word)) } };
    case "HEALTHCHECK":
      return { ...config, Healthcheck: step.healthcheck };
    case "ONBUILD":
      return { ...config, OnBuild: [...(config.OnBuild ?? []), step.expression] };
    case "USER":
      return { ...config, User: word(step.value) };
    case "STOPSIGNAL":
      return { ...config, StopSignal: knownSignal(word(step.value)) };
    case "WORKDIR":
      return { ...config, WorkingDir: resolve("/", config.WorkingDir ?? "", word(step.value)) };
    default:
      return config;
  }
}

function argsOf(config: RunConfig, command: CommandLine): readonly string[] {
  return command.form === "exec" ? command.args : [...(config.Shell ?? ["/bin/sh", "-c"]), command.command];
}

function knownSignal(text: string): string {
  signalNumber(text);
  return text;
}

function keys(names: readonly string[]): Readonly<Record<string, object>> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

function withVariable(env: readonly string[], name: string, value: string): readonly string[] {
  const line = `${name}=${value}`;
  const index = env.findIndex((each) => each.startsWith(`${name}=`));
  return index < 0 ? [...env, line] : env.with(index, line);
}

function valueIn(env: readonly string[], name: string): string | undefined {
  return env.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
}
