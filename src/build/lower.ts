import { BerthError, isKind } from "../base/errors.ts";
import type { Dockerfile, Instruction, Span } from "../dockerfile/ast.ts";
import { lintFile, lintRepeated } from "../dockerfile/lint.ts";
import { lintDefaultBases, lintFroms } from "../dockerfile/lint-from.ts";
import type { Linter } from "../dockerfile/linter.ts";
import type { Digest } from "../oci/digest.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import { applyCopy } from "./apply-copy.ts";
import { applyMetadata } from "./apply-metadata.ts";
import { applyRun, applyWorkdir } from "./apply-run.ts";
import { located } from "./build-error.ts";
import type { Entitlements } from "./entitlements.ts";
import { globalArgs, unusedArgs } from "./global-args.ts";
import { type Graph, GraphBuilder, httpDirectory, reachable } from "./graph.ts";
import type { NamedContexts } from "./named-contexts.ts";
import {
  type BaseImage,
  type ImageResolver,
  imageKey,
  isImage,
  type ResolvedStages,
  resolveStages,
} from "./resolve-stages.ts";
import {
  emptyImage,
  type LoweredImage,
  loweredImage,
  type StageContext,
  type StageState,
  type StepNames,
  startStage,
  stepPrefix,
  withConfig,
} from "./stage-state.ts";
import { type PlannedStage, planStages, refuseCycles, scratch, sourceOf, sourcesOf, targetStage } from "./stages.ts";
import type { StepSettings } from "./step-settings.ts";

/** How to lower. */
export interface LowerOptions extends ImageResolver {
  /** Name of the stage to build; the last when absent. */
  readonly target?: string;
  /** Look at every stage, not only at those that the target needs. */
  readonly everyStage?: boolean;
  /** Told what deserves a warning in what is lowered. */
  readonly linter: Linter;
  /** True for a path of the build context that the ignore file leaves out. */
  readonly ignores: (path: string) => boolean;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  /** Take no base image for another platform than `platform`, where a stage doesn't say. */
  readonly isAsked?: boolean;
  /** Have steps' names say what they run on. */
  readonly showsPlatform?: boolean;
  /** Where steps run; the same when absent. */
  readonly buildPlatform?: Platform;
  /** Network of steps that don't say. */
  readonly network: "default" | "none" | "host";
  /** Whether a step may have the host's network. */
  readonly allowsHostNetwork: boolean;
  /** As {@link StageContext.entitlements} and {@link StageContext.devices}. */
  readonly entitlements?: Entitlements;
  readonly devices?: NonNullable<StageContext["devices"]>;
  /** What every `RUN` gets; absent where nothing is given. */
  readonly settings?: StepSettings;
  /** Names of stages in which no result is looked up. */
  readonly noCacheStages?: readonly string[];
  readonly contexts?: NamedContexts;
}

/** A Dockerfile as work to do. */
export interface Lowered {
  readonly graph: Graph;
  /** The vertex whose file system the image gets. */
  readonly output: Digest;
  readonly image: LoweredImage;
  readonly warnings: readonly string[];
  readonly target: PlannedStage;
  /** Every stage that was lowered, as it is at its end. */
  readonly stages: ReadonlyMap<PlannedStage, StageState>;
  /** What is done in them. */
  readonly resolved: ResolvedStages;
  readonly planned: readonly PlannedStage[];
  /** What `FROM` lines see. */
  readonly args: ReadonlyMap<string, string>;
}

/**
 * Turn a Dockerfile into the graph of what its target needs, and the image config that comes of it.
 *
 * Does nothing by itself: base images come through `resolveImage`.
 *
 * @throws {BuildError} with the lines that are to blame and BuildKit's text
 */
export async function lower(file: Dockerfile, options: LowerOptions): Promise<Lowered> {
  const lastName = file.stages.at(-1)?.name;
  const naming = { ...options, target: options.target ?? lastName ?? "default" };
  const args = globalArgs(file, naming);
  lintFile(file, options.linter);
  lintDefaults(file, naming, options.linter);
  lintFroms(file, args, options.linter);
  const planned = planStages(file, args, options.contexts, options.isAsked === true ? options.platform : undefined);
  const target = targetStage(planned, options.target);
  refuseCycles(planned, (stage) => dependencies(planned, stage, options.contexts));
  const targets = options.everyStage === true ? planned : [target];
  const resolved = await resolveStages(planned, { ...options, targets });
  const walk = new StageWalk(file, { ...options, args, planned, resolved });
  for (const stage of targets) walk.stage(stage);
  const { tip, image } = walk.stage(target);
  return {
    graph: reachable(walk.graph, tip),
    output: tip,
    image,
    warnings: [...warningsOf(file, args, options.buildArgs), ...unknownStages(planned, options.noCacheStages ?? [])],
    target,
    stages: walk.states,
    resolved,
    planned,
    args,
  };
}

/** What `FROM` lines are without build arguments; where that is an error, it may be none with them. */
function lintDefaults(file: Dockerfile, naming: Parameters<typeof globalArgs>[1], linter: Linter): void {
  try {
    lintDefaultBases(file, globalArgs(file, { ...naming, buildArgs: new Map() }), linter);
  } catch (error) {
    if (!isKind(error, "invalid-argument")) throw error;
  }
}

interface WalkOptions extends LowerOptions {
  readonly args: ReadonlyMap<string, string>;
  readonly planned: readonly PlannedStage[];
  readonly resolved: ResolvedStages;
}

/** Where an image is used. */
interface ImageUse {
  readonly planned: PlannedStage;
  readonly verb: string;
  readonly names: StepNames;
  readonly span: Span;
}

/** Walks the stages that are needed, each once, and adds their vertices to one graph. */
class StageWalk {
  readonly #file: Dockerfile;
  readonly #options: WalkOptions;
  readonly #builder = new GraphBuilder();
  readonly #states = new Map<PlannedStage, StageState>();
  /** Whether progress names the stages: not where there is only one file system. */
  readonly #named: boolean;

  constructor(file: Dockerfile, options: WalkOptions) {
    this.#file = file;
    this.#options = options;
    const instructions = options.planned.flatMap(({ stage }) => stage.instructions);
    const copied = sourcesOf(options.planned, instructions, options.contexts).filter(({ source }) => "image" in source);
    this.#named = options.planned.length + copied.length > 1;
  }

  get graph(): Graph {
    return this.#builder.graph;
  }

  get states(): ReadonlyMap<PlannedStage, StageState> {
    return this.#states;
  }

  stage(planned: PlannedStage): StageState {
    const known = this.#states.get(planned);
    if (known !== undefined) return known;
    const resolved = this.#options.resolved.stages.get(planned);
    if (resolved === undefined) throw new Error(`stage ${planned.index} was not resolved`);
    let state = this.#start(planned);
    lintRepeated(resolved.instructions, this.#options.linter);
    for (const [index, instruction] of resolved.instructions.entries()) {
      const context = this.#context(planned, instruction);
      state = applyInstruction(state, context, { instruction, isTrigger: index < resolved.triggers });
    }
    this.#states.set(planned, state);
    return state;
  }

  #start(planned: PlannedStage): StageState {
    const { base, baseStage, stage, index, platform } = planned;
    const instructions = this.#options.resolved.stages.get(planned)?.instructions ?? [];
    const total = instructions.filter(isCounted).length + (isImage(planned) ? 1 : 0);
    const shown = this.#options.showsPlatform === true ? { platform: platform ?? this.#options.platform } : {};
    const names: StepNames = { stage: this.#named ? (stage.name ?? `stage-${index}`) : "", total, used: 0, ...shown };
    if (baseStage !== undefined) {
      const parent = this.stage(baseStage);
      return { ...withConfig(parent, { OnBuild: [] }), cmdSet: false, names };
    }
    if (planned.baseContext !== undefined) return this.#startFrom(planned.baseContext, platform, names);
    if (base === scratch) {
      const tip = this.#builder.add({ kind: "scratch" }, [], { name: "" });
      // `FROM --platform` says nothing of it, as in BuildKit.
      return startStage(tip, emptyImage(this.#options.platform), names);
    }
    const { image, tip } = this.#image(base, { planned, verb: "FROM", names, span: stage.from.span });
    const state = startStage(tip, loweredImage(image.config), { ...names, used: total === 0 ? 0 : 1 });
    return { ...withConfig(state, { OnBuild: [] }), envKnown: image.unknown !== true };
  }

  /** A context as a file system, a directory copied to where nothing is, with the config of an empty image. */
  #startFrom(context: string, platform: Platform | undefined, names: StepNames): StageState {
    const source = this.#namedContext(context);
    const isFetched = this.#options.contexts?.get(context)?.kind === "fetched";
    const tip = isFetched ? source : this.#copied("/", source, `[context ${context}] load from client`);
    return startStage(tip, emptyImage(platform ?? this.#options.platform), names);
  }

  #namedContext(name: string): Digest {
    const context = this.#options.contexts?.get(name);
    if (context?.kind !== "fetched") return this.#builder.add({ kind: "context", name }, [], { name: "" });
    const { op, address } = context;
    const source = this.#builder.add(op, [], { name: `[context ${name}] ${address}` });
    return op.kind === "git" ? source : this.#copied(httpDirectory, source, "");
  }

  /** A directory of a source as a file system of its own. */
  #copied(directory: string, source: Digest, name: string): Digest {
    const nothing = this.#builder.add({ kind: "scratch" }, [], { name: "" });
    const copied = { kind: "copy", inline: [], destination: "/", parents: false, exclude: [], unpack: false } as const;
    return this.#builder.add({ ...copied, sources: [directory] }, [nothing, source], { name });
  }

  #image(base: string, use: ImageUse): { readonly image: BaseImage; readonly tip: Digest } {
    const { planned, verb, names, span } = use;
    const image = this.#options.resolved.images.get(imageKey(base, planned.platform));
    if (image === undefined) throw new Error(`image ${base} was not resolved`);
    const wanted = planned.platform ?? this.#options.platform;
    const { os, architecture } = image.config;
    if (image.unknown !== true && (os !== wanted.os || architecture !== wanted.architecture)) {
      const actual = platformText(loweredImage(image.config).platform);
      this.#options.linter.warn("InvalidBaseImagePlatform", span, base, platformText(wanted), actual);
    }
    const shown = names.platform === undefined ? undefined : platformText(names.platform);
    const prefix = names.total === 0 ? "" : stepPrefix({ ...names, platform: shown }, 1);
    const op = { kind: "image", imageID: image.id, chainID: image.chainID } as const;
    return { image, tip: this.#builder.add(op, [], { name: `${prefix}${verb} ${image.name}` }) };
  }

  #graphFor(planned: PlannedStage): Pick<GraphBuilder, "add"> {
    const { noCacheStages = [] } = this.#options;
    if (!noCacheStages.some((name) => isNamed(planned, name))) return this.#builder;
    return { add: (op, inputs, about) => this.#builder.add(op, inputs, { ...about, noCache: true }) };
  }

  #context(planned: PlannedStage, { span, comments }: Instruction): StageContext {
    const { args, planned: stages, buildArgs, network, allowsHostNetwork, ignores } = this.#options;
    const { settings, contexts, entitlements, devices } = this.#options;
    const linter = this.#options.linter.below(comments);
    const unnamed: StepNames = { stage: "", total: 0, used: 0 };
    return {
      escape: this.#file.escape,
      graph: this.#graphFor(planned),
      buildArgs,
      globalArgs: args,
      network,
      allowsHostNetwork,
      ignores,
      ...(settings === undefined ? {} : { settings }),
      ...(entitlements === undefined ? {} : { entitlements }),
      ...(devices === undefined ? {} : { devices }),
      warn: (rule, ...values) => linter.warn(rule, span, ...values),
      context: () => this.#builder.add({ kind: "context" }, [], { name: "[internal] load build context" }),
      source: (from, isCopy) => {
        const source = sourceOf(stages, from, { isCopy, contexts });
        if ("context" in source) return this.#namedContext(source.context);
        if ("image" in source) return this.#image(source.image, { planned, verb: "FROM", names: unnamed, span }).tip;
        if (source.stage.index >= planned.index) throw definedLater(from, planned);
        return this.stage(source.stage).tip;
      },
    };
  }
}

function applyInstruction(
  state: StageState,
  context: StageContext,
  step: { readonly instruction: Instruction; readonly isTrigger: boolean },
): StageState {
  const { instruction, isTrigger } = step;
  const named = isTrigger ? { ...instruction, original: `ONBUILD ${instruction.original}` } : instruction;
  try {
    switch (named.kind) {
      case "RUN":
        return applyRun(state, context, named);
      case "COPY":
      case "ADD":
        return applyCopy(state, context, named);
      case "WORKDIR":
        return applyWorkdir(state, context, { ...named, kind: named.kind });
      default:
        return applyMetadata(state, context, named);
    }
  } catch (error) {
    throw located(error, { span: instruction.span });
  }
}

/** Steps that the count in progress names covers: `WORKDIR /` too, though it makes no layer. */
function isCounted(instruction: Instruction): boolean {
  return ["RUN", "COPY", "ADD", "WORKDIR"].includes(instruction.kind);
}

function dependencies(
  planned: readonly PlannedStage[],
  stage: PlannedStage,
  contexts: NamedContexts | undefined,
): readonly PlannedStage[] {
  const copied = sourcesOf(planned, stage.stage.instructions, contexts).flatMap(({ source }) =>
    "stage" in source ? [source.stage] : [],
  );
  return stage.baseStage === undefined ? copied : [stage.baseStage, ...copied];
}

function definedLater(from: string, { stage, index }: PlannedStage): BerthError {
  const current = JSON.stringify(stage.name ?? `stage-${index}`);
  return new BerthError(
    "invalid-argument",
    `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage ${current}`,
  );
}

/** As BuildKit: names only, whatever their case. */
function isNamed({ stage }: PlannedStage, name: string): boolean {
  return stage.name?.toLowerCase() === name.toLowerCase();
}

function unknownStages(planned: readonly PlannedStage[], names: readonly string[]): readonly string[] {
  const unknown = names.filter((name) => !planned.some((stage) => isNamed(stage, name)));
  return unknown.map((name) => `no-cache-filter: the Dockerfile has no stage named ${JSON.stringify(name)}`);
}

function warningsOf(
  file: Dockerfile,
  args: ReadonlyMap<string, string>,
  buildArgs: ReadonlyMap<string, string>,
): readonly string[] {
  const instructions = file.stages.flatMap(({ instructions }) => instructions);
  const inStages = instructions.flatMap((step) => (step.kind === "ARG" ? step.args.map(({ name }) => name) : []));
  const unused = unusedArgs(buildArgs, new Set([...inStages, ...args.keys()]));
  return unused.length === 0 ? [] : [`One or more build-args [${unused.join(" ")}] were not consumed`];
}
