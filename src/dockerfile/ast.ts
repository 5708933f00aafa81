import type { Healthcheck } from "../oci/image-config.ts";

// The syntax tree of a Dockerfile. Words are as written: a variable's value depends on the stage's environment,
// so whoever walks a stage expands them (expand.ts). Heredoc text is as written, too.

/** First and last line of something in a Dockerfile; lines count from 1, and both belong to it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The place of what stands in no line of the file that is shown. */
export const nowhere: Span = { start: 0, end: 0 };

/** True for {@link nowhere}. */
export function isNowhere({ start }: Span): boolean {
  return start === 0;
}

/** What quotes a character and joins lines: `\` unless `# escape=` says otherwise. */
export type Escape = "\\" | "`";

/** A `# name=value` line at the top. @see Dockerfile reference, "Parser directives" */
export interface Directive {
  readonly name: "syntax" | "escape" | "check";
  readonly value: string;
  readonly line: number;
}

/** A whole Dockerfile; there is at least one stage. */
export interface Dockerfile {
  readonly escape: Escape;
  readonly directives: readonly Directive[];
  /** `ARG`s before the first `FROM`: they serve the `FROM` lines, and a stage that repeats the name. */
  readonly globalArgs: readonly Arg[];
  readonly stages: readonly Stage[];
  /** Last lines of the instructions that have an empty line between their own. */
  readonly gaps: readonly number[];
}

/** One `FROM` and what follows it. */
export interface Stage {
  /** In lower case, as names of stages are compared. */
  readonly name?: string;
  readonly from: From;
  readonly instructions: readonly Instruction[];
  readonly span: Span;
}

/** What every instruction has. */
export interface Node {
  /** The keyword as written; `kind` is the same in capitals. */
  readonly keyword: string;
  /** Source text without comments, lines joined: what progress output and history show. */
  readonly original: string;
  readonly span: Span;
  /** The comment lines above it, without `#`: what describes it, and a `check=` that is for it alone. Absent without any. */
  readonly comments?: readonly string[];
}

/** `<<NAME` on an instruction, with the lines up to the one that says NAME. */
export interface Heredoc {
  readonly name: string;
  /** Lines as written, ends included. Use `heredocText` for what `<<-` makes of them. */
  readonly content: string;
  /** False when the name was quoted: `$` means nothing in the content. */
  readonly expand: boolean;
  /** True for `<<-`: tabs at the start of each line don't count. */
  readonly chomp: boolean;
}

/** A command for the shell, or a program with its arguments (JSON form). */
export type CommandLine =
  | { readonly form: "shell"; readonly command: string }
  | { readonly form: "exec"; readonly args: readonly string[] };

/** A file whose content stands in the Dockerfile. */
export interface InlineFile {
  /** Name of the file below the destination. */
  readonly name: string;
  readonly content: string;
  /** True when variables in `content` are expanded; quotes in it mean nothing. */
  readonly expand: boolean;
}

/** `KEY=value`, both unexpanded. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  /** True for the old form `ENV key some words`, where the rest of the line is the value. */
  readonly legacy: boolean;
}

/** `FROM [--platform=P] BASE [AS NAME]`. */
export interface From extends Node {
  readonly kind: "FROM";
  readonly base: string;
  readonly platform?: string;
  /** As written; in lower case it is the stage's name. */
  readonly as?: string;
}

/** `RUN [--mount=M]... [--network=N] [--security=S] [--device=D]... COMMAND`. */
export interface Run extends Node {
  readonly kind: "RUN";
  readonly command: CommandLine;
  readonly heredocs: readonly Heredoc[];
  /** Unexpanded values of `--mount`, for `parseMount`. */
  readonly mounts: readonly string[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly devices: readonly string[];
}

/** What COPY and ADD have in common. The last word is the destination; all others are sources. */
export interface Transfer extends Node {
  readonly sources: readonly string[];
  readonly files: readonly InlineFile[];
  readonly destination: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly link: boolean;
  readonly exclude: readonly string[];
}

/** `COPY [--from=STAGE|IMAGE] ... SOURCE... DESTINATION`. */
export interface Copy extends Transfer {
  readonly kind: "COPY";
  readonly from?: string;
  readonly parents: boolean;
}

/** `ADD ... SOURCE... DESTINATION`. An absent boolean leaves the choice to the kind of source. */
export interface Add extends Transfer {
  readonly kind: "ADD";
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

/** `CMD` and `ENTRYPOINT`. */
export interface Command extends Node {
  readonly kind: "CMD" | "ENTRYPOINT";
  readonly command: CommandLine;
}

/** `ENV` and `LABEL`, in order. */
export interface Pairs extends Node {
  readonly kind: "ENV" | "LABEL";
  readonly pairs: readonly KeyValue[];
}

/** `ARG NAME[=DEFAULT]...`. */
export interface Arg extends Node {
  readonly kind: "ARG";
  readonly args: readonly { readonly name: string; readonly value?: string }[];
}

/** Instructions with one argument: the author, the user, the directory, the signal. */
export interface Single extends Node {
  readonly kind: "MAINTAINER" | "USER" | "WORKDIR" | "STOPSIGNAL";
  readonly value: string;
}

/** `EXPOSE` (ports, sorted) and `VOLUME` (directories). */
export interface Words extends Node {
  readonly kind: "EXPOSE" | "VOLUME";
  readonly words: readonly string[];
}

/** `HEALTHCHECK`; `test` is `["NONE"]`, `["CMD", ...]` or `["CMD-SHELL", command]`. Never expanded. */
export interface HealthcheckInstruction extends Node {
  readonly kind: "HEALTHCHECK";
  readonly healthcheck: Healthcheck;
}

/** `ONBUILD INSTRUCTION`: text that the next build parses, heredocs and all. */
export interface Onbuild extends Node {
  readonly kind: "ONBUILD";
  readonly expression: string;
}

/** `SHELL ["program", "argument"]`. */
export interface Shell extends Node {
  readonly kind: "SHELL";
  readonly shell: readonly string[];
}

/** Everything that can stand in a stage below its `FROM`. */
export type Instruction =
  | Run
  | Copy
  | Add
  | Command
  | Pairs
  | Arg
  | Single
  | Words
  | HealthcheckInstruction
  | Onbuild
  | Shell;

/** Every instruction that there is. */
export type AnyInstruction = From | Instruction;

/** Something worth telling the author that doesn't stop the build. Rules and texts are BuildKit's. */
export interface Diagnostic {
  /** Name of the rule, as `# check=skip=` has it. */
  readonly rule: string;
  /** What the rule is about. */
  readonly description: string;
  readonly message: string;
  readonly span: Span;
  /** The page that explains the rule; one rule has none. */
  readonly url?: string;
}
