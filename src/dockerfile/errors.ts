import { BerthError } from "../base/errors.ts";
import type { Span } from "./ast.ts";

/** A Dockerfile that can't be built as it is written. The message is BuildKit's. */
export class DockerfileError extends BerthError {
  override readonly name: string = "DockerfileError";
  /** The lines that are to blame. */
  readonly span: Span;

  constructor(message: string, span: Span, hint?: string) {
    super("invalid-argument", message, hint === undefined ? {} : { hint });
    this.span = span;
  }

  /** The first line that is to blame, counted from 1. */
  get line(): number {
    return this.span.start;
  }
}

/** The span of a single line. */
export function lineSpan(line: number): Span {
  return { start: line, end: line };
}
