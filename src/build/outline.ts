import { basename } from "node:path/posix";
import type { Arg, Dockerfile, Run, Span } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { openLinter } from "../dockerfile/linter.ts";
import { parseMount } from "../dockerfile/mount.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import type { ImageDeps } from "../image/images.ts";
import { type DockerfileSource, inDockerfile } from "./build-error.ts";
import { type CheckBuildOptions, lowerLocally } from "./check.ts";
import { type ContextDeps, openContext } from "./context.ts";
import type { Lowered } from "./lower.ts";
import { type PlannedStage, sourcesOf } from "./stages.ts";
import type { ReceiveDeps } from "./stream-context.ts";

// What a Dockerfile says of itself. Descriptions are comments that begin with the name of what they describe.
// @see BuildKit, frontend/subrequests: outline and targets

/** A build argument. */
export interface OutlineArg {
  readonly name: string;
  readonly description: string;
  /** What it is in this build; empty without a value. */
  readonly value: string;
  readonly span: Span;
}

/** A secret or an ssh agent that steps ask for. */
export interface OutlineMount {
  readonly name: string;
  readonly required: boolean;
  readonly span: Span;
}

/** What a build of a target can be given, in the order of the lines. */
export interface BuildOutline {
  readonly dockerfile: DockerfileSource;
  /** Of the stage; empty without one. */
  readonly name: string;
  readonly description: string;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineMount[];
  readonly ssh: readonly OutlineMount[];
}

/** The stages of a Dockerfile. */
export interface BuildTargets {
  readonly dockerfile: DockerfileSource;
  readonly targets: readonly {
    /** Empty without one. */
    readonly name: string;
    /** True for what is built when no target is named. */
    readonly default: boolean;
    readonly description: string;
    /** As written. */
    readonly base: string;
    /** As written; empty without one. */
    readonly platform: string;
    readonly span: Span;
  }[];
}

/** The stages of a Dockerfile. @throws {BuildError} */
export async function buildTargets(deps: ContextDeps, options: CheckBuildOptions): Promise<BuildTargets> {
  await using context = await openContext(deps, options);
  const { dockerfile } = context;
  return await inDockerfile(dockerfile, async () => {
    const { stages } = parseDockerfile(dockerfile.text);
    const targets = stages.map(({ from, name = "" }, index) => ({
      name,
      default: index === stages.length - 1,
      description: described(from.comments, name),
      base: from.base,
      platform: from.platform ?? "",
      span: from.span,
    }));
    return { dockerfile, targets };
  });
}

/** What a build of a target can be given. @throws {BuildError} */
export async function outlineBuild(deps: ImageDeps & ReceiveDeps, options: CheckBuildOptions): Promise<BuildOutline> {
  await using context = await openContext(deps, options);
  const { dockerfile } = context;
  return await inDockerfile(dockerfile, async () => {
    const file = parseDockerfile(dockerfile.text);
    const quiet = { linter: openLinter([]), ignores: () => false, everyStage: false, onUnknown: () => undefined };
    const lowered = await lowerLocally(deps, file, { ...options, ...quiet });
    const outline = new Outline(file, lowered, new Set(Object.keys(options.buildArgs ?? {})));
    outline.visit(lowered.target);
    const { stage } = lowered.target;
    return {
      dockerfile,
      name: stage.name ?? "",
      description: described(stage.from.comments, stage.name ?? ""),
      args: inOrder(outline.args),
      secrets: inOrder(outline.secrets),
      ssh: inOrder(outline.ssh),
    };
  });
}

function inOrder<T extends { readonly span: Span }>(found: ReadonlyMap<string, T>): readonly T[] {
  return [...found.values()].sort((a, b) => a.span.start - b.span.start);
}

/** Collects from the target on, the first of a name. */
class Outline {
  readonly args: Map<string, OutlineArg> = new Map();
  readonly secrets: Map<string, OutlineMount> = new Map();
  readonly ssh: Map<string, OutlineMount> = new Map();
  readonly #file: Dockerfile;
  readonly #lowered: Lowered;
  /** Names of the build arguments that are given. */
  readonly #given: ReadonlySet<string>;
  readonly #visited = new Set<PlannedStage>();

  constructor(file: Dockerfile, lowered: Lowered, given: ReadonlySet<string>) {
    this.#file = file;
    this.#lowered = lowered;
    this.#given = given;
  }

  visit(planned: PlannedStage): void {
    if (this.#visited.has(planned)) return;
    this.#visited.add(planned);
    const instructions = this.#lowered.resolved.stages.get(planned)?.instructions ?? [];
    for (const step of instructions.toReversed()) if (step.kind === "ARG") this.#addArgs(planned, step);
    for (const word of [planned.stage.from.base, planned.stage.from.platform ?? ""]) this.#addGlobals(word);
    for (const step of instructions) if (step.kind === "RUN") this.#addMounts(planned, step);
    if (planned.baseStage !== undefined) this.visit(planned.baseStage);
    for (const { source } of sourcesOf(this.#lowered.planned, instructions))
      if ("stage" in source) this.visit(source.stage);
  }

  /** An argument that takes its value from before the first FROM is that one. */
  #addArgs(planned: PlannedStage, { args, comments, span }: Arg): void {
    const declared = this.#lowered.stages.get(planned)?.args ?? [];
    for (const { name, value: fallback } of args) {
      const isOwn = fallback !== undefined || this.#given.has(name) || !this.#lowered.args.has(name);
      const { value = "" } = declared.findLast((arg) => arg.name === name) ?? {};
      if (!isOwn) this.#addGlobal(name);
      else if (!this.args.has(name)) {
        this.args.set(name, { name, value, description: described(comments, name), span });
      }
    }
  }

  #addGlobals(word: string): void {
    const { args } = this.#lowered;
    for (const name of expandWord(word, (name) => args.get(name), this.#file).used) this.#addGlobal(name);
  }

  /** With what its own value is made of. */
  #addGlobal(name: string): void {
    if (this.args.has(name)) return;
    const step = this.#file.globalArgs.findLast(({ args }) => args.some((arg) => arg.name === name));
    if (step === undefined) return;
    const { comments, span } = step;
    const value = this.#lowered.args.get(name) ?? "";
    this.args.set(name, { name, value, description: described(comments, name), span });
    const fallback = step.args.find((arg) => arg.name === name)?.value;
    if (fallback !== undefined && !this.#given.has(name)) this.#addGlobals(fallback);
  }

  #addMounts(planned: PlannedStage, { mounts, span }: Run): void {
    const env = this.#lowered.stages.get(planned)?.env;
    const expanded = (word: string): string => expandWord(word, (name) => env?.get(name), this.#file).text;
    for (const mount of mounts) {
      const { type, source, id, target = "", required } = parseMount(mount, expanded);
      if (type !== "secret" && type !== "ssh") continue;
      const found = type === "secret" ? this.secrets : this.ssh;
      const name = type === "secret" ? source || id || basename(target) : id || "default";
      if (!found.has(name)) found.set(name, { name, required, span });
    }
  }
}

/** What stands behind a name in the first comment that begins with it. */
function described(comments: readonly string[] = [], name: string): string {
  const line = name === "" ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return line?.slice(name.length + 1) ?? "";
}
