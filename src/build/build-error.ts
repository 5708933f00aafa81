import { BerthError, type ErrorDetails, type ErrorKind, isKind } from "../base/errors.ts";
import type { Span } from "../dockerfile/ast.ts";
import { DockerfileError } from "../dockerfile/errors.ts";

/** Where in a build something went wrong, as far as that is known. */
export interface BuildErrorDetails extends ErrorDetails {
  /** Lines of the Dockerfile that are to blame. */
  readonly span?: Span;
  /** The step as progress shows it: `[2/4] RUN make`. */
  readonly step?: string;
  /** What the command of a `RUN` ended with. */
  readonly exitCode?: number;
  /** Last lines of the command's output. */
  readonly output?: readonly string[];
}

/** A build that failed, with its place in the Dockerfile. */
export class BuildError extends BerthError {
  override readonly name: string = "BuildError";
  readonly span: Span | undefined;
  readonly step: string | undefined;
  readonly exitCode: number | undefined;
  readonly output: readonly string[];

  constructor(kind: ErrorKind, message: string, details: BuildErrorDetails = {}) {
    super(kind, message, details);
    this.span = details.span;
    this.step = details.step;
    this.exitCode = details.exitCode;
    this.output = details.output ?? [];
  }
}

/** Say where an error of a user happened; bugs and cancellations pass as they are. */
export function located(error: unknown, place: Pick<BuildErrorDetails, "span" | "step">): unknown {
  if (!(error instanceof BerthError) || error instanceof BuildError || isKind(error, "canceled")) return error;
  const span = error instanceof DockerfileError ? error.span : place.span;
  return new BuildError(error.kind, error.message, {
    cause: error,
    ...(span === undefined ? {} : { span }),
    ...(place.step === undefined ? {} : { step: place.step }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
