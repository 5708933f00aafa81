import type { AnyInstruction, Dockerfile, From, Instruction, Stage } from "./ast.ts";
import type { Linter } from "./linter.ts";

// BuildKit's rules that need no more than the text. @see docs.docker.com/reference/build-checks/

/** Tell what the whole file gets warnings for, whatever the target. */
export function lintFile({ globalArgs, stages, gaps }: Dockerfile, linter: Linter): void {
  for (const line of gaps) linter.warn("NoEmptyContinuation", { start: line, end: line });
  const inStages = stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  for (const instruction of [...globalArgs, ...inStages]) lintAlone(instruction, linter.below(instruction.comments));
  lintNames(stages, linter);
  lintCasing(inStages, linter);
}

/** What of an instruction counts for whether it has an effect. */
type RepeatedInstruction = Pick<Instruction, "kind" | "keyword" | "span" | "comments">;

/** Tell of the instructions of a stage that have no effect, since only the last one of their kind counts. */
export function lintRepeated(instructions: readonly RepeatedInstruction[], linter: Linter): void {
  const last = new Map<string, RepeatedInstruction>();
  for (const instruction of instructions) {
    const { kind, keyword, comments } = instruction;
    if (kind !== "CMD" && kind !== "ENTRYPOINT" && kind !== "HEALTHCHECK") continue;
    const earlier = last.get(kind);
    if (earlier !== undefined) linter.below(comments).warn("MultipleInstructionsDisallowed", earlier.span, keyword);
    last.set(kind, instruction);
  }
}

const secret = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmless = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** True for a variable whose name says that it holds a secret. */
export function namesSecret(name: string): boolean {
  return secret.test(name) && !harmless.test(name);
}

function isLower(text: string): boolean {
  return text === text.toLowerCase();
}

function isUpper(text: string): boolean {
  return text === text.toUpperCase();
}

function lintAlone(instruction: AnyInstruction, linter: Linter): void {
  const { kind, span } = instruction;
  if (kind === "MAINTAINER") linter.warn("MaintainerDeprecated", span);
  if (kind === "FROM") lintFrom(instruction, linter);
  if (kind === "ARG") lintDescription(instruction, { names: instruction.args.map(({ name }) => name), linter });
}

function lintFrom(from: From, linter: Linter): void {
  const { as, keyword, original, span } = from;
  if (as === undefined) return;
  if (!isLower(as)) linter.warn("StageNameCasing", span, as);
  const between = /\s(as)\s+\S+$/i.exec(original)?.[1] ?? "";
  const differs = isLower(keyword) ? !isLower(between) : isUpper(keyword) && !isUpper(between);
  if (differs) linter.warn("FromAsCasing", span, keyword, between);
  lintDescription(from, { names: [as.toLowerCase()], linter });
}

/** The last comment above what has a name is to begin with that name. */
function lintDescription(
  { kind, span, comments = [] }: AnyInstruction,
  { names, linter }: { readonly names: readonly string[]; readonly linter: Linter },
): void {
  const [first = "", ...more] = names;
  const described = comments.at(-1)?.split(" ", 1)[0];
  if (described === undefined || names.includes(described)) return;
  linter.warn("InvalidDefinitionDescription", span, kind, more.length > 0 ? "<arg_key>" : first);
}

function lintNames(stages: readonly Stage[], linter: Linter): void {
  const seen = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    if (name === "scratch" || name === "context") linter.warn("ReservedStageName", from.span, name);
    if (seen.has(name)) linter.warn("DuplicateStageName", from.span, name);
    seen.add(name);
  }
}

/** The casing that most instructions have: capitals where there is no majority. */
export function majorityCasing(instructions: readonly AnyInstruction[]): "lowercase" | "uppercase" {
  const lower = instructions.filter(({ keyword }) => isLower(keyword)).length;
  const upper = instructions.filter(({ keyword }) => isUpper(keyword)).length;
  return lower > upper ? "lowercase" : "uppercase";
}

function lintCasing(instructions: readonly AnyInstruction[], linter: Linter): void {
  const casing = majorityCasing(instructions);
  const fits = casing === "lowercase" ? isLower : isUpper;
  for (const { keyword, span } of instructions)
    if (!fits(keyword)) linter.warn("ConsistentInstructionCasing", span, keyword, casing);
}
