import { join } from "node:path/posix";
import type { Add, Arg, Copy, Heredoc, Instruction, Pairs, Run, Words } from "../../dockerfile/ast.ts";
import { parseDevice } from "../../dockerfile/device.ts";
import { expandWords } from "../../dockerfile/expand.ts";
import { heredocText, parseHeredocMark } from "../../dockerfile/heredoc.ts";
import { parseMount } from "../../dockerfile/mount.ts";
import { scriptDirectory } from "../apply-run.ts";
import type { InlineFile } from "../graph.ts";
import { withoutCredentials } from "../redact.ts";
import { argValue, builderArgs, type StageState, withVariable } from "../stage-state.ts";
import type { AddStep, ArgStep, CopyStep, MountStep, PairsStep, RunStep, Step, WordsStep } from "../steps.ts";
import { type Reading, shownInstruction, word } from "./words.ts";

/**
 * What an instruction comes to in a stage: its words expanded, its flags read.
 *
 * @returns the step, and what progress calls it; that is empty for one that makes no layer
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function readStep(
  state: StageState,
  reading: Reading,
  instruction: Instruction,
): { readonly step: Step; readonly shown: string } {
  const shown = (): string => shownInstruction(state, reading, instruction.original);
  switch (instruction.kind) {
    case "RUN": {
      const { summary, ...step } = readRun(state, reading, instruction);
      return { step, shown: `${shown()}${summary}` };
    }
    case "COPY":
    case "ADD":
      return { step: readTransfer(state, reading, instruction), shown: withoutCredentials(shown()) };
    default:
      return { step: readMetadata(state, reading, instruction), shown: instruction.kind === "WORKDIR" ? shown() : "" };
  }
}

type MetadataInstruction = Exclude<Instruction, { readonly kind: "RUN" | "COPY" | "ADD" }>;

function readMetadata(state: StageState, reading: Reading, instruction: MetadataInstruction): Step {
  switch (instruction.kind) {
    case "ENV":
    case "LABEL":
      return readPairs(state, reading, instruction);
    case "ARG":
      return readArg(state, reading, instruction);
    case "CMD":
    case "ENTRYPOINT":
      return { kind: instruction.kind, command: instruction.command };
    case "EXPOSE":
    case "VOLUME":
      return readWords(state, reading, instruction);
    case "HEALTHCHECK":
      return { kind: "HEALTHCHECK", healthcheck: instruction.healthcheck };
    case "SHELL":
      return { kind: "SHELL", shell: instruction.shell };
    case "ONBUILD":
      return { kind: "ONBUILD", expression: instruction.expression };
    case "MAINTAINER":
      return { kind: "MAINTAINER", value: instruction.value };
    default:
      return { kind: instruction.kind, value: word(state, reading, instruction.value) };
  }
}

function readRun(state: StageState, reading: Reading, run: Run): RunStep & { readonly summary: string } {
  const { network, security } = run;
  const devices = run.devices.map(parseDevice);
  const mounts = run.mounts.map((text) => readMount(state, reading, text));
  return { kind: "RUN", ...commandOf(run), mounts, network, security, devices };
}

function readMount(state: StageState, reading: Reading, text: string): MountStep {
  const { from, ...mount } = parseMount(text, (unexpanded) => word(state, reading, unexpanded));
  return from ? { ...mount, from: reading.source(from, false) } : mount;
}

type RunCommand = Pick<RunStep, "command" | "scripts"> & {
  /** What progress adds for a here-document. */
  readonly summary: string;
};

function commandOf({ command, heredocs }: Run): RunCommand {
  const [first, ...more] = heredocs;
  if (first === undefined || command.form === "exec") return { command, scripts: [], summary: "" };
  if (more.length > 0 || parseHeredocMark(command.command) === undefined) {
    const documents = heredocs.map(({ content, name }) => `\n${content}${name}`);
    return { ...shell([command.command, ...documents].join("")), summary: "" };
  }
  const data = heredocText(first);
  const summary = ` (${summaryOf(first)})`;
  if (!data.startsWith("#!")) return { ...shell(data), summary };
  const script = { name: first.name, data };
  return { ...shell(join(scriptDirectory, first.name)), scripts: [script], summary };
}

function shell(command: string): Pick<RunStep, "command" | "scripts"> {
  return { command: { form: "shell", command }, scripts: [] };
}

function summaryOf(heredoc: Heredoc): string {
  const [first = "", ...more] = heredoc.content.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

function readTransfer(state: StageState, reading: Reading, written: Copy | Add): CopyStep | AddStep {
  const step = {
    chown: word(state, reading, written.chown ?? ""),
    chmod: word(state, reading, written.chmod ?? ""),
    sources: written.sources.map((source) => word(state, reading, source)),
    destination: word(state, reading, written.destination),
    files: written.files.map((file) => inlineFile(state, reading, file)),
    exclude: written.exclude.map((pattern) => word(state, reading, pattern)),
    ...(written.link ? { link: true } : {}),
  };
  if (written.kind === "COPY") {
    const from = written.from === undefined ? {} : { from: reading.source(written.from, true) };
    return { kind: "COPY", ...step, ...from, parents: written.parents };
  }
  const { keepGitDir, unpack } = written;
  return {
    kind: "ADD",
    ...step,
    checksum: word(state, reading, written.checksum ?? ""),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
  };
}

function inlineFile(state: StageState, reading: Reading, file: Copy["files"][number]): InlineFile {
  if (!file.expand) return { name: file.name, data: file.content };
  return { name: file.name, data: word(state, reading, file.content, { quotes: "plain" }) };
}

/** Every pair of an instruction sees the variables from before the instruction. */
function readPairs(state: StageState, reading: Reading, { kind, keyword, pairs }: Pairs): PairsStep {
  const read = pairs.map(({ key, value }) => [word(state, reading, key), word(state, reading, value)] as const);
  for (const { legacy } of pairs) if (legacy) reading.context.warn("LegacyKeyValueFormat", keyword);
  return { kind, pairs: read };
}

/** Each argument of an instruction sees those before it. */
function readArg(state: StageState, reading: Reading, { args }: Arg): ArgStep {
  let next = state;
  const read: ArgStep["args"][number][] = [];
  for (const { name, value: fallback } of args) {
    const value = argValue(reading.context, name, () =>
      fallback === undefined ? undefined : word(next, reading, fallback),
    );
    read.push({ name, hasDefault: fallback !== undefined, ...(value === undefined ? {} : { value }) });
    if (value !== undefined && !builderArgs.has(name)) next = withVariable(next, name, value);
  }
  return { kind: "ARG", args: read };
}

function readWords(state: StageState, reading: Reading, { kind, words }: Words): WordsStep {
  if (kind === "VOLUME") return { kind, words: words.map((text) => word(state, reading, text)) };
  const lookup = (name: string): string | undefined => state.env.get(name);
  return { kind, words: words.flatMap((text) => expandWords(text, lookup, { escape: reading.escape })) };
}
