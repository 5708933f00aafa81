import { BerthError } from "../../base/errors.ts";
import type { CommandLine } from "../../dockerfile/ast.ts";
import { withoutCredentials } from "../redact.ts";
import { type StageSource, stageName } from "../stages.ts";
import type { AddStep, CopyStep, MountStep, PairsStep, Step } from "../steps.ts";
import type { TypedContent, TypedSource, Variables } from "./data.ts";

/** What a step of a program is read with. */
export interface StepReading {
  /** The stage's variables. */
  readonly env: Variables;
  sourceOf(source: TypedSource): StageSource;
  /** What a build argument comes to. */
  argValue(name: string, fallback: string | undefined): string | undefined;
}

/** What a step reads from. */
export function typedSources(content: TypedContent): readonly TypedSource[] {
  if (content.kind === "RUN") return content.mounts.flatMap(({ from }) => from ?? []);
  return content.kind === "COPY" && content.from !== undefined ? [content.from] : [];
}

/** The step, and what progress calls it; that is empty for one that makes no layer. @throws {BerthError} invalid-argument */
export function readStep(content: TypedContent, reading: StepReading): { readonly step: Step; readonly shown: string } {
  switch (content.kind) {
    case "RUN": {
      const mounts = content.mounts.map((mount) => readMount(mount, reading));
      return { step: { ...content, mounts }, shown: `RUN ${shownCommand(content.command)}` };
    }
    case "COPY": {
      const { from, ...others } = content;
      const step = from === undefined ? others : { ...others, from: reading.sourceOf(from) };
      return { step, shown: shownTransfer(step) };
    }
    case "ADD":
      return { step: content, shown: shownTransfer(content) };
    case "WORKDIR":
      return { step: content, shown: `WORKDIR ${content.value}` };
    case "ENV":
    case "LABEL":
      return { step: readPairs(content, reading.env), shown: "" };
    case "ARG": {
      const { name, fallback } = content;
      checkName("ARG", name);
      const value = reading.argValue(name, fallback);
      const arg = { name, hasDefault: fallback !== undefined, ...(value === undefined ? {} : { value }) };
      return { step: { kind: "ARG", args: [arg] }, shown: "" };
    }
    default:
      return { step: content, shown: "" };
  }
}

function readMount({ from, ...mount }: MountStep<TypedSource>, { sourceOf }: StepReading): MountStep {
  return from === undefined ? mount : { ...mount, from: sourceOf(from) };
}

function readPairs(
  { kind, pairs }: Extract<TypedContent, { readonly kind: "ENV" | "LABEL" }>,
  env: Variables,
): PairsStep {
  const read = Object.entries(typeof pairs === "function" ? pairs(env) : pairs);
  for (const [name, value] of read) {
    checkName(kind, name);
    // A program without types can give anything.
    if (typeof value !== "string")
      throw new BerthError("invalid-argument", `${kind} ${name} is ${String(value)}: a text is required`);
  }
  return { kind, pairs: read };
}

function checkName(kind: "ENV" | "LABEL" | "ARG", name: string): void {
  if (name === "") throw new BerthError("invalid-argument", `${kind} names can not be blank`);
  if (kind !== "LABEL" && name.includes("="))
    throw new BerthError("invalid-argument", `a variable can't be called ${JSON.stringify(name)}: it has a =`);
}

/** Of several lines the first. */
function shownCommand(command: CommandLine): string {
  if (command.form === "exec") return `[${command.args.map((arg) => JSON.stringify(arg)).join(", ")}]`;
  const [first = "", ...more] = command.command.trim().split("\n");
  return more.length > 0 ? `${first}...` : first;
}

function shownTransfer(step: CopyStep | AddStep): string {
  const flag = step.kind === "COPY" && step.from !== undefined ? [`--from=${shownSource(step.from)}`] : [];
  const files = step.files.map(({ name }) => `<<${name}`);
  return withoutCredentials([step.kind, ...flag, ...step.sources, ...files, step.destination].join(" "));
}

function shownSource(source: StageSource): string {
  if ("stage" in source) return stageName(source.stage);
  return "image" in source ? source.image : source.context;
}
