import { basename } from "node:path/posix";
import type { Dockerfile, Span } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { openLinter } from "../dockerfile/linter.ts";
import { parseDockerfile } from "../dockerfile/parse.ts";
import type { ImageDeps } from "../image/images.ts";
import { type DockerfileSource, inDockerfile } from "./build-error.ts";
import { type CheckBuildOptions, lowerLocally } from "./check.ts";
import { type ContextDeps, openContext } from "./context.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import type { StageInstruction } from "./frontend.ts";
import type { Lowered } from "./lower.ts";
import { openFrontend } from "./open-frontend.ts";
import { type PlannedStage, sourcesOf } from "./stages.ts";
import type { ArgStep, RunStep } from "./steps.ts";
import type { ReceiveDeps } from "./stream-context.ts";
import { isStage } from "./typed/data.ts";
import { spanIn } from "./typed/frontend.ts";
import { type BuildGraph, namedStages } from "./typed/graph.ts";

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

/** The stages of a build. @throws {BuildError} */
export async function buildTargets(deps: ContextDeps, options: CheckBuildOptions): Promise<BuildTargets> {
  await using context = await openContext(deps, options);
  const { dockerfile } = context;
  return await inDockerfile(dockerfile, async () => {
    if (options.graph !== undefined) return { dockerfile, targets: graphTargets(options.graph, dockerfile) };
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
    const file = options.graph === undefined ? parseDockerfile(dockerfile.text) : undefined;
    const frontend = file === undefined ? openFrontend(dockerfile, options) : dockerfileFrontend(file);
    const quiet = { linter: openLinter([]), ignores: () => false, everyStage: false, onUnknown: () => undefined };
    const lowered = await lowerLocally(deps, frontend, { ...options, ...quiet });
    const outline = new Outline(file, lowered, new Set(Object.keys(options.buildArgs ?? {})));
    const { target } = lowered.plan;
    outline.visit(target);
    return {
      dockerfile,
      name: target.name ?? "",
      description: described(file?.stages[target.index]?.from.comments, target.name ?? ""),
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
  /** Absent where the stages come from a program. */
  readonly #file: Dockerfile | undefined;
  readonly #lowered: Lowered;
  /** Names of the build arguments that are given. */
  readonly #given: ReadonlySet<string>;
  readonly #visited = new Set<PlannedStage>();

  constructor(file: Dockerfile | undefined, lowered: Lowered, given: ReadonlySet<string>) {
    this.#file = file;
    this.#lowered = lowered;
    this.#given = given;
    for (const arg of lowered.plan.asked) this.args.set(arg.name, { ...arg, description: "" });
  }

  visit(planned: PlannedStage): void {
    if (this.#visited.has(planned)) return;
    this.#visited.add(planned);
    const steps = this.#lowered.steps.get(planned) ?? [];
    for (const done of steps.toReversed()) if (done.step.kind === "ARG") this.#addArgs(done.step, done.instruction);
    for (const word of this.#wordsOf(planned)) this.#addGlobals(word);
    for (const { step, instruction } of steps) if (step.kind === "RUN") this.#addMounts(step, instruction);
    if (planned.baseStage !== undefined) this.visit(planned.baseStage);
    for (const { source } of sourcesOf(steps.map(({ instruction }) => instruction)))
      if ("stage" in source) this.visit(source.stage);
  }

  /** Of its `FROM`. */
  #wordsOf({ index }: PlannedStage): readonly string[] {
    const { from } = this.#file?.stages[index] ?? {};
    return from === undefined ? [] : [from.base, from.platform ?? ""];
  }

  /** An argument that takes its value from before the first FROM is that one. */
  #addArgs({ args }: ArgStep, { comments, span }: StageInstruction): void {
    for (const { name, value = "", hasDefault } of args) {
      const isOwn = hasDefault || this.#given.has(name) || !this.#lowered.plan.args.has(name);
      if (!isOwn) this.#addGlobal(name);
      else if (!this.args.has(name)) {
        this.args.set(name, { name, value, description: described(comments, name), span });
      }
    }
  }

  #addGlobals(word: string): void {
    const { args, escape: escapeChar } = this.#lowered.plan;
    const { used } = expandWord(word, (name) => args.get(name), { escape: escapeChar });
    for (const name of used) this.#addGlobal(name);
  }

  /** With what its own value is made of. */
  #addGlobal(name: string): void {
    if (this.args.has(name)) return;
    const step = this.#file?.globalArgs.findLast(({ args }) => args.some((arg) => arg.name === name));
    if (step === undefined) return;
    const { comments, span } = step;
    const value = this.#lowered.plan.args.get(name) ?? "";
    this.args.set(name, { name, value, description: described(comments, name), span });
    const fallback = step.args.find((arg) => arg.name === name)?.value;
    if (fallback !== undefined && !this.#given.has(name)) this.#addGlobals(fallback);
  }

  #addMounts({ mounts }: RunStep, { span }: StageInstruction): void {
    for (const { type, source, id, target = "", required } of mounts) {
      if (type !== "secret" && type !== "ssh") continue;
      const found = type === "secret" ? this.secrets : this.ssh;
      const name = type === "secret" ? source || id || basename(target) : id || "default";
      if (!found.has(name)) found.set(name, { name, required, span });
    }
  }
}

/** What a program exports. The first stage is the default where there is no other. */
function graphTargets(graph: BuildGraph, source: DockerfileSource): BuildTargets["targets"] {
  const stages = namedStages(graph);
  return stages.map(({ name = "", stage }) => {
    const { base, platform = "", places } = isStage(stage) ? stage.definition.start : { base: "", places: [] };
    return {
      name,
      default: stages.length === 1,
      description: "",
      base: typeof base === "string" ? base : ((isStage(base) ? base.definition.start.name : base.name) ?? ""),
      platform,
      span: spanIn(source)(places),
    };
  });
}

/** What stands behind a name in the first comment that begins with it. */
function described(comments: readonly string[] = [], name: string): string {
  const line = name === "" ? undefined : comments.find((comment) => comment.startsWith(`${name} `));
  return line?.slice(name.length + 1) ?? "";
}
