import { isNowhere, type Span } from "../dockerfile/ast.ts";
import { lintRepeated } from "../dockerfile/lint.ts";
import type { Linter } from "../dockerfile/linter.ts";
import type { Digest } from "../oci/digest.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import { applyCopy } from "./apply-copy.ts";
import { applyMetadata } from "./apply-metadata.ts";
import { applyRun, applyWorkdir } from "./apply-run.ts";
import { located } from "./build-error.ts";
import type { Entitlements } from "./entitlements.ts";
import type { Frontend, Plan, StageInstruction } from "./frontend.ts";
import { unusedArgs } from "./global-args.ts";
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
import { type PlannedStage, scratch, sourcesOf, stageName } from "./stages.ts";
import type { StepSettings } from "./step-settings.ts";
import type { Step } from "./steps.ts";

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

/** A step as it was read, and what stands beside it. */
export interface DoneStep {
  readonly step: Step;
  readonly instruction: StageInstruction;
}

/** Stages as work to do. */
export interface Lowered {
  readonly graph: Graph;
  /** The vertex whose file system the image gets. */
  readonly output: Digest;
  readonly image: LoweredImage;
  readonly warnings: readonly string[];
  readonly plan: Plan;
  /** Every stage that was lowered, as it is at its end. */
  readonly stages: ReadonlyMap<PlannedStage, StageState>;
  /** What is done in them. */
  readonly steps: ReadonlyMap<PlannedStage, readonly DoneStep[]>;
  readonly resolved: ResolvedStages;
}

/**
 * Turn stages into the graph of what the target needs, and the image config that comes of it.
 *
 * Does nothing by itself: base images come through `resolveImage`.
 *
 * @throws {BuildError} with the lines that are to blame and BuildKit's text
 */
export async function lower(frontend: Frontend, options: LowerOptions): Promise<Lowered> {
  const wanted = options.isAsked === true ? { wanted: options.platform } : {};
  const plan = await frontend.plan({ ...options, ...wanted });
  const targets = options.everyStage === true ? plan.stages : [plan.target];
  const resolved = await resolveStages(plan.stages, { ...options, escape: plan.escape, targets });
  const walk = new StageWalk(plan, { ...options, resolved });
  for (const stage of targets) walk.stage(stage);
  const { tip, image } = walk.stage(plan.target);
  return {
    graph: reachable(walk.graph, tip),
    output: tip,
    image,
    warnings: [...warningsOf(plan, options.buildArgs), ...unknownStages(plan.stages, options.noCacheStages ?? [])],
    plan,
    stages: walk.states,
    steps: walk.steps,
    resolved,
  };
}

interface WalkOptions extends LowerOptions {
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
  readonly #plan: Plan;
  readonly #options: WalkOptions;
  readonly #builder = new GraphBuilder();
  readonly #states = new Map<PlannedStage, StageState>();
  readonly #steps = new Map<PlannedStage, readonly DoneStep[]>();
  /** Whether progress names the stages: not where there is only one file system. */
  readonly #named: boolean;

  constructor(plan: Plan, options: WalkOptions) {
    this.#plan = plan;
    this.#options = options;
    const copied = sourcesOf(plan.stages.flatMap(({ instructions }) => instructions));
    this.#named = plan.stages.length + copied.filter(({ source }) => "image" in source).length > 1;
  }

  get graph(): Graph {
    return this.#builder.graph;
  }

  get states(): ReadonlyMap<PlannedStage, StageState> {
    return this.#states;
  }

  get steps(): ReadonlyMap<PlannedStage, readonly DoneStep[]> {
    return this.#steps;
  }

  stage(planned: PlannedStage): StageState {
    const known = this.#states.get(planned);
    if (known !== undefined) return known;
    const resolved = this.#options.resolved.stages.get(planned);
    if (resolved === undefined) throw new Error(`stage ${planned.index} was not resolved`);
    let state = this.#start(planned);
    lintRepeated(resolved.instructions, this.#options.linter);
    const steps: DoneStep[] = [];
    for (const instruction of resolved.instructions) {
      const done = applyInstruction(state, this.#context(planned, instruction), instruction);
      state = done.state;
      steps.push({ step: done.step, instruction });
    }
    this.#steps.set(planned, steps);
    this.#states.set(planned, state);
    return state;
  }

  #start(planned: PlannedStage): StageState {
    const { base, baseStage, platform } = planned;
    const instructions = this.#options.resolved.stages.get(planned)?.instructions ?? [];
    const total = instructions.filter(isCounted).length + (isImage(planned) ? 1 : 0);
    const shown = this.#options.showsPlatform === true ? { platform: platform ?? this.#options.platform } : {};
    const names: StepNames = { stage: this.#named ? stageName(planned) : "", total, used: 0, ...shown };
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
    const { image, tip } = this.#image(base, { planned, verb: "FROM", names, span: planned.span });
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
    const source = image.digest === undefined ? {} : { source: { digest: image.digest, platform: wanted } };
    return { image, tip: this.#builder.add(op, [], { name: `${prefix}${verb} ${image.name}`, ...source }) };
  }

  #graphFor(planned: PlannedStage): Pick<GraphBuilder, "add"> {
    const { noCacheStages = [] } = this.#options;
    if (!noCacheStages.some((name) => isNamed(planned, name))) return this.#builder;
    return { add: (op, inputs, about) => this.#builder.add(op, inputs, { ...about, noCache: true }) };
  }

  #context(planned: PlannedStage, { span, comments, keyword }: StageInstruction): StageContext {
    const { buildArgs, network, allowsHostNetwork, ignores } = this.#options;
    const { settings, entitlements, devices } = this.#options;
    const linter = this.#options.linter.below(comments);
    const unnamed: StepNames = { stage: "", total: 0, used: 0 };
    return {
      graph: this.#graphFor(planned),
      keyword,
      place: isNowhere(span) ? {} : { span },
      buildArgs,
      globalArgs: this.#plan.args,
      network,
      allowsHostNetwork,
      ignores,
      ...(settings === undefined ? {} : { settings }),
      ...(entitlements === undefined ? {} : { entitlements }),
      ...(devices === undefined ? {} : { devices }),
      warn: (rule, ...values) => linter.warn(rule, span, ...values),
      context: () => this.#builder.add({ kind: "context" }, [], { name: "[internal] load build context" }),
      source: (source) => {
        if ("context" in source) return this.#namedContext(source.context);
        if ("image" in source) return this.#image(source.image, { planned, verb: "FROM", names: unnamed, span }).tip;
        return this.stage(source.stage).tip;
      },
    };
  }
}

function applyInstruction(
  state: StageState,
  context: StageContext,
  instruction: StageInstruction,
): { readonly state: StageState; readonly step: Step } {
  try {
    const { step, shown } = instruction.read(state, context);
    return { step, state: applyStep(state, context, { step, shown }) };
  } catch (error) {
    throw located(error, { span: instruction.span });
  }
}

function applyStep(
  state: StageState,
  context: StageContext,
  { step, shown }: { readonly step: Step; readonly shown: string },
): StageState {
  switch (step.kind) {
    case "RUN":
      return applyRun(state, context, { step, shown });
    case "COPY":
    case "ADD":
      return applyCopy(state, context, { step, shown });
    case "WORKDIR":
      return applyWorkdir(state, context, { step, shown });
    default:
      return applyMetadata(state, context, step);
  }
}

/** Steps that the count in progress names covers: `WORKDIR /` too, though it makes no layer. */
function isCounted({ kind }: StageInstruction): boolean {
  return ["RUN", "COPY", "ADD", "WORKDIR"].includes(kind);
}

/** As BuildKit: names only, whatever their case. */
function isNamed({ name: own }: PlannedStage, name: string): boolean {
  return own?.toLowerCase() === name.toLowerCase();
}

function unknownStages(planned: readonly PlannedStage[], names: readonly string[]): readonly string[] {
  const unknown = names.filter((name) => !planned.some((stage) => isNamed(stage, name)));
  return unknown.map((name) => `no-cache-filter: no stage is named ${JSON.stringify(name)}`);
}

function warningsOf({ stages, args, asked }: Plan, buildArgs: ReadonlyMap<string, string>): readonly string[] {
  const inStages = stages.flatMap(({ instructions }) => instructions.flatMap((instruction) => instruction.args));
  const declared = new Set([...inStages, ...args.keys(), ...asked.map(({ name }) => name)]);
  const unused = unusedArgs(buildArgs, declared);
  return unused.length === 0 ? [] : [`One or more build-args [${unused.join(" ")}] were not consumed`];
}
