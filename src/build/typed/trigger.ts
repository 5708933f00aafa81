import { BerthError } from "../../base/errors.ts";
import { type CommandLine, nowhere } from "../../dockerfile/ast.ts";
import { parseInstructions, parseTrigger } from "../../dockerfile/parse.ts";
import type { Healthcheck } from "../../oci/image-config.ts";
import type { AddStep, CopyStep, MountStep, RunStep } from "../steps.ts";
import { isStage, type Pairs, type TypedContent, type TypedSource } from "./data.ts";

// An image keeps its triggers as instructions of a Dockerfile, which whatever builds on it reads. So a step that is to be one is
// written down as such: values that `$`, quotes or spaces would change are quoted, and what no instruction can say is refused.

/** Read an instruction as `ONBUILD` has it. @returns what the image keeps @throws {BerthError} invalid-argument, with BuildKit's text */
export function triggerOf(text: string): string {
  const [instruction, ...more] = parseInstructions(`ONBUILD ${text}`);
  if (instruction?.kind !== "ONBUILD" || more.length > 0)
    throw new BerthError("invalid-argument", "onbuild trigger should be a single expression");
  parseTrigger(instruction.expression, nowhere);
  return instruction.expression;
}

/** A step as the instruction that does the same. @throws {BerthError} invalid-argument, for one that no instruction is */
export function triggerText(content: TypedContent): string {
  switch (content.kind) {
    case "RUN":
      return runText(content);
    case "COPY":
    case "ADD":
      return transferText(content);
    case "ENV":
    case "LABEL":
      return `${content.kind} ${pairsText(content.kind, content.pairs)}`;
    case "ARG":
      return `ARG ${content.name}${content.fallback === undefined ? "" : `=${quoted(content.fallback)}`}`;
    case "CMD":
    case "ENTRYPOINT":
      return `${content.kind} ${commandText(content.command)}`;
    case "EXPOSE":
      return `EXPOSE ${content.words.map((word) => plain("port", word)).join(" ")}`;
    case "VOLUME":
      return `VOLUME ${wordList(content.words.map(unspaced))}`;
    case "SHELL":
      return `SHELL ${jsonList(content.shell)}`;
    case "HEALTHCHECK":
      return `HEALTHCHECK ${checkText(content.healthcheck)}`;
    case "ONBUILD":
      return `ONBUILD ${content.expression}`;
    default:
      return `${content.kind} ${quoted(content.value)}`;
  }
}

function runText({ command, scripts, mounts, network, security, devices, ...own }: RunStep<TypedSource>): string {
  for (const name of ["user", "cwd", "env"] as const)
    if (own[name] !== undefined)
      throw cannot(`\`${name}\` of one command`, `Give it a step of its own before the command.`);
  const flags = [
    ...mounts.map((mount) => `--mount=${mountText(mount)}`),
    ...(network === "default" ? [] : [`--network=${network}`]),
    ...(security === "sandbox" ? [] : [`--security=${security}`]),
    ...devices.map(({ name, required }) => `--device=${plain("device", name)}${required ? ",required" : ""}`),
  ];
  return ["RUN", ...flags, shownCommand(command, scripts)].join(" ");
}

/** A text of several lines, or one that a line would say otherwise, is a here-document. */
function shownCommand(command: CommandLine, [script]: RunStep["scripts"]): string {
  if (script !== undefined) return document(plain("name", script.name), script.data);
  if (command.form === "exec" || isLine(command.command)) return commandText(command);
  // A shell reads `#!` as a comment; a here-document that starts with it is a program of its own.
  const text = command.command.replace(/^#!/, " #!");
  let name = "EOF";
  while (text.split("\n").includes(name)) name += "_";
  // The last line gets an end, which is nothing to a shell unless it is quoted.
  if (text.endsWith("\\")) throw cannot(`a command with \`\\\` at its end`);
  return document(name, text.endsWith("\n") ? text : `${text}\n`);
}

function document(name: string, content: string): string {
  if (!content.endsWith("\n")) throw cannot(`a file whose last line has no end (${name})`);
  if (content.split("\n").includes(name)) throw cannot(`a file with a line that is its name (${name})`);
  return `<<"${name}"\n${content}${name}`;
}

function commandText(command: CommandLine): string {
  if (command.form === "exec") return jsonList(command.args);
  if (isLine(command.command)) return command.command;
  throw cannot(`the command ${JSON.stringify(command.command)}`, "Give it as a list: a program with its arguments.");
}

/** True where an instruction with this text means the text. */
function isLine(text: string): boolean {
  return text === text.trim() && text !== "" && !/^(?:\[|--|#)|<<|[\r\n]|\\$/.test(text);
}

function transferText(step: CopyStep<TypedSource> | AddStep): string {
  const { chown, chmod, exclude, sources, files, destination } = step;
  const own = step.kind === "COPY" ? copyFlags(step) : addFlags(step);
  const flags = [...flag("chown", chown), ...flag("chmod", chmod), ...exclude.flatMap((path) => flag("exclude", path))];
  const start = [step.kind, ...own, ...flags];
  const [first, ...more] = files;
  if (first === undefined) return [...start, wordList([...sources, destination])].join(" ");
  if (more.length > 0 || sources.length > 0)
    throw cannot("a step with files beside others", "Give each a step of its own.");
  const [mark = "", ...lines] = document(plain("name", first.name), first.data).split("\n");
  return [[...start, mark, plain("destination", destination)].join(" "), ...lines].join("\n");
}

function copyFlags({ from, parents }: CopyStep<TypedSource>): readonly string[] {
  return [...(from === undefined ? [] : flag("from", sourceText(from))), ...(parents ? ["--parents"] : [])];
}

function addFlags({ checksum, keepGitDir, unpack }: AddStep): readonly string[] {
  const switches = Object.entries({ "keep-git-dir": keepGitDir, unpack });
  return [
    ...flag("checksum", checksum),
    ...switches.flatMap(([name, on]) => (on === undefined ? [] : `--${name}=${on}`)),
  ];
}

function flag(name: string, value: string): readonly string[] {
  return value === "" ? [] : [`--${name}=${plain(`--${name}`, value)}`];
}

function sourceText(source: TypedSource): string {
  if (isStage(source))
    throw cannot("a stage of this build", "A text names a stage of the build that the trigger runs in, or an image.");
  return typeof source === "string" ? source : source.name;
}

function mountText({ type, from, readOnly, required, mode, ...others }: MountStep<TypedSource>): string {
  const isReadOnly = type !== "cache" && type !== "tmpfs";
  const fields = {
    type,
    ...others,
    ...(from === undefined ? {} : { from: sourceText(from) }),
    ...(mode === undefined ? {} : { mode: mode.toString(8) }),
    ...(readOnly === isReadOnly ? {} : { readonly: readOnly }),
    ...(required ? { required } : {}),
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value === "" ? "" : plain(`${name} of a mount`, String(value), ",")}`)
    .join(",");
}

function pairsText(kind: string, pairs: Pairs): string {
  if (typeof pairs === "function")
    throw cannot(
      `${kind} of variables that nobody knows yet`,
      'Write the instruction: onbuild("ENV PATH=/app/bin:$PATH").',
    );
  return Object.entries(pairs)
    .map(([name, value]) => `${plain(`the ${kind}`, name, "=")}=${quoted(value)}`)
    .join(" ");
}

function checkText({ Test: [form = "", ...words] = [], ...settings }: Healthcheck): string {
  if (form === "NONE") return form;
  const { Interval, Timeout, StartPeriod, StartInterval, Retries } = settings;
  const times = Object.entries({
    interval: Interval,
    timeout: Timeout,
    "start-period": StartPeriod,
    "start-interval": StartInterval,
  });
  const flags = [
    ...times.flatMap(([name, time]) => (time === undefined ? [] : `--${name}=${time / 1e6}ms`)),
    ...(Retries === undefined ? [] : [`--retries=${Retries}`]),
  ];
  const command: CommandLine =
    form === "CMD" ? { form: "exec", args: words } : { form: "shell", command: words.join(" ") };
  return [...flags, "CMD", commandText(command)].join(" ");
}

/** Words that are expanded one by one: a line of them, or a list where spaces or signs would say something else. */
function wordList(words: readonly string[]): string {
  const written = words.map(escaped);
  return written.every((word) => /^[^\s[<-]\S*$/.test(word) && !word.endsWith("\\"))
    ? written.join(" ")
    : jsonList(written);
}

/** `<` would start a here-document. */
function jsonList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word).replaceAll("<", "\\u003c")).join(", ")}]`;
}

/** A value, in quotes where it has anything that ends a word. */
function quoted(value: string): string {
  if (/[\r\n]/.test(value)) throw cannot(`a value with a line end (${JSON.stringify(value)})`);
  return /^[\w./:@%+,~^*?!{}-]+$/.test(value) ? value : `"${value.replace(/["$\\]/g, "\\$&")}"`;
}

function unspaced(path: string): string {
  if (path === path.trim()) return path;
  throw cannot(`a path with white space around it (${JSON.stringify(path)})`);
}

function escaped(word: string): string {
  return word.replace(/["'$\\]|^</g, "\\$&");
}

/** What stands in a flag. */
function plain(what: string, word: string, besides = ""): string {
  const isPlain = /^[^\s"'$\\<]+$/.test(word) && !(besides !== "" && word.includes(besides));
  if (isPlain) return word;
  throw cannot(`${what} ${JSON.stringify(word)}`);
}

function cannot(what: string, hint?: string): BerthError {
  return new BerthError("invalid-argument", `a trigger can't have ${what}`, hint === undefined ? {} : { hint });
}
