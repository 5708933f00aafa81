import { BerthError } from "../base/errors.ts";
import type { AnyInstruction, Arg, Dockerfile, From, Instruction, Span, Stage } from "./ast.ts";
import { DockerfileError } from "./errors.ts";
import { parseStatement } from "./instruction.ts";
import { readStatements } from "./statements.ts";

/**
 * Read a Dockerfile.
 *
 * @throws {DockerfileError} with BuildKit's message, such as
 *   `dockerfile parse error on line 3: unknown instruction: FRO (did you mean FROM?)`
 * @see Dockerfile reference, https://docs.docker.com/reference/dockerfile/
 */
export function parseDockerfile(text: string): Dockerfile {
  if (text === "") throw new DockerfileError("the Dockerfile cannot be empty", { start: 1, end: 1 });
  const source = readStatements(text);
  const globalArgs: Arg[] = [];
  const stages: Draft[] = [];
  for (const statement of source.statements) {
    const line = statement.span.start;
    const instruction = at(statement.span, `dockerfile parse error on line ${line}: `, () => parseStatement(statement));
    addInstruction(instruction, stages, globalArgs);
  }
  const last = source.statements.at(-1);
  if (stages.length === 0)
    throw new DockerfileError("dockerfile contains no stages to build", last?.span ?? { start: 1, end: 1 });
  const { escape: escapeChar, directives, gaps } = source;
  return { escape: escapeChar, directives, globalArgs, stages: stages.map(finishStage), gaps };
}

/**
 * Read instructions that stand outside a Dockerfile: what an image has under ONBUILD, the changes of `commit` and `import`.
 * Spans count from the first line of `text`.
 *
 * @throws {DockerfileError} with BuildKit's message, which names no line here
 */
export function parseInstructions(text: string): readonly AnyInstruction[] {
  return readStatements(text).statements.map((statement) => at(statement.span, "", () => parseStatement(statement)));
}

/**
 * Read an ONBUILD trigger for the stage that it now runs in.
 *
 * @param span what errors and progress point at: that stage's `FROM`
 * @throws {DockerfileError} when it isn't exactly one instruction that can stand in a stage
 */
export function parseTrigger(expression: string, span: Span): Instruction {
  const [instruction, ...more] = at(span, "", () => parseInstructions(expression));
  if (instruction === undefined || more.length > 0 || instruction.kind === "FROM")
    throw new DockerfileError("onbuild trigger should be a single expression", span);
  return { ...instruction, span };
}

interface Draft {
  readonly from: From;
  readonly instructions: Instruction[];
}

function addInstruction(instruction: AnyInstruction, stages: Draft[], globalArgs: Arg[]): void {
  const stage = stages.at(-1);
  if (instruction.kind === "FROM") stages.push({ from: instruction, instructions: [] });
  else if (stage !== undefined) stage.instructions.push(instruction);
  else if (instruction.kind === "ARG") globalArgs.push(instruction);
  else
    throw new DockerfileError(
      "no build stage in current context",
      instruction.span,
      "A Dockerfile starts with FROM; only ARG, comments and parser directives can stand before it.",
    );
}

function finishStage({ from, instructions }: Draft): Stage {
  const end = instructions.at(-1)?.span.end ?? from.span.end;
  const name = from.as?.toLowerCase();
  return { from, instructions, span: { start: from.span.start, end }, ...(name !== undefined && { name }) };
}

/** Run `body`; an error of it becomes one that knows its place. */
function at<T>(span: Span, prefix: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new DockerfileError(prefix + error.message, span, error.hint);
  }
}
