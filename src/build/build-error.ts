import { asFullDisk, BerthError, type ErrorDetails, type ErrorKind, isKind } from "../base/errors.ts";
import { isNowhere, type Span } from "../dockerfile/ast.ts";
import { DockerfileError } from "../dockerfile/errors.ts";

/** A Dockerfile as errors show it, or the file of a program that has the stages. */
export interface DockerfileSource {
  /** As the user named it. */
  readonly name: string;
  readonly text: string;
  /** Where it is; absent for one that came as a text or in a stream. */
  readonly path?: string;
  /** Of the text; `Dockerfile` when absent. */
  readonly language?: "TypeScript";
}

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
  /** The Dockerfile that `span` counts in. */
  readonly source?: DockerfileSource;
}

/** A build that failed, with its place in the Dockerfile. */
export class BuildError extends BerthError {
  override readonly name: string = "BuildError";
  readonly span: Span | undefined;
  readonly step: string | undefined;
  readonly exitCode: number | undefined;
  readonly output: readonly string[];
  readonly source: DockerfileSource | undefined;

  constructor(kind: ErrorKind, message: string, details: BuildErrorDetails = {}) {
    super(kind, message, details);
    this.span = details.span;
    this.step = details.step;
    this.exitCode = details.exitCode;
    this.output = details.output ?? [];
    this.source = details.source;
  }
}

/** Say where an error of a user happened; what is known already stays, bugs and cancellations pass as they are. */
export function located(thrown: unknown, place: Pick<BuildErrorDetails, "span" | "step" | "source">): unknown {
  const error = asFullDisk(thrown);
  if (!(error instanceof BerthError) || isKind(error, "canceled")) return error;
  const known = error instanceof BuildError || error instanceof DockerfileError ? error : undefined;
  const own = error instanceof BuildError ? error : undefined;
  const { span, ...others } = place;
  const details: BuildErrorDetails = {
    ...others,
    ...(span === undefined || isNowhere(span) ? {} : { span }),
    cause: error.cause ?? error,
    ...defined({ hint: error.hint, span: known?.span, step: own?.step, source: own?.source }),
    ...defined({ exitCode: own?.exitCode, output: own?.output }),
  };
  return new BuildError(error.kind, error.message, details);
}

/** Run `body`; errors of it show the Dockerfile. */
export async function inDockerfile<T>(source: DockerfileSource, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw located(error, { source });
  }
}

/** The fields that have a value. */
function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
