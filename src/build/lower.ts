import { BerthError } from "../base/errors.ts";
import type { Dockerfile, Instruction, Stage } from "../dockerfile/ast.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { applyCopy } from "./apply-copy.ts";
import { applyMetadata } from "./apply-metadata.ts";
import { applyRun, applyWorkdir } from "./apply-run.ts";
import { located } from "./build-error.ts";
import { globalArgs, unusedArgs } from "./global-args.ts";
import { type Graph, GraphBuilder, reachable } from "./graph.ts";
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
  withConfig,
} from "./stage-state.ts";
import { type PlannedStage, planStages, refuseCycles, scratch, sourceOf, sourcesOf, targetStage } from "./stages.ts";

/** How to lower. */
export interface LowerOptions extends ImageResolver {
  /** Name of the stage to build; the last when absent. */
  readonly target?: string;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  /** Network of steps that don't say. */
  readonly network: "default" | "none" | "host";
  /** Whether a step may have the host's network. */
  readonly allowsHostNetwork: boolean;
}

/** A Dockerfile as work to do. */
export interface Lowered {
  readonly graph: Graph;
  /** The vertex whose file system the image gets. */
  readonly output: Digest;
  readonly image: LoweredImage;
  /** The stages that the target needs. */
  readonly stages: readonly Stage[];
  readonly warnings: readonly string[];
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
  const args = globalArgs(file, { ...options, target: options.target ?? lastName ?? "default" });
  const planned = planStages(file, args);
  const target = targetStage(planned, options.target);
  refuseCycles(planned, (stage) => dependencies(planned, stage));
  const resolved = await resolveStages(planned, { ...options, target });
  const walk = new StageWalk(file, { ...options, args, planned, resolved });
  const { tip, image } = walk.stage(target);
  return {
    graph: reachable(walk.graph, tip),
    output: tip,
    image,
    stages: [...resolved.stages.keys()].map(({ stage }) => stage),
    warnings: warningsOf(file, args, options.buildArgs),
  };
}

interface WalkOptions extends LowerOptions {
  readonly args: ReadonlyMap<string, string>;
  readonly planned: readonly PlannedStage[];
  readonly resolved: ResolvedStages;
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
    const copied = sourcesOf(options.planned, instructions).filter(({ source }) => "image" in source);
    this.#named = options.planned.length + copied.length > 1;
  }

  get graph(): Graph {
    return this.#builder.graph;
  }

  stage(planned: PlannedStage): StageState {
    const known = this.#states.get(planned);
    if (known !== undefined) return known;
    const resolved = this.#options.resolved.stages.get(planned);
    if (resolved === undefined) throw new Error(`stage ${planned.index} was not resolved`);
    let state = this.#start(planned);
    for (const [index, instruction] of resolved.instructions.entries()) {
      const context = this.#context(planned);
      state = applyInstruction(state, context, { instruction, isTrigger: index < resolved.triggers });
    }
    this.#states.set(planned, state);
    return state;
  }

  #start(planned: PlannedStage): StageState {
    const { base, baseStage, stage, index, platform } = planned;
    const instructions = this.#options.resolved.stages.get(planned)?.instructions ?? [];
    const total = instructions.filter(isCounted).length + (isImage(planned) ? 1 : 0);
    const names: StepNames = { stage: this.#named ? (stage.name ?? `stage-${index}`) : "", total, used: 0 };
    if (baseStage !== undefined) {
      const parent = this.stage(baseStage);
      return { ...withConfig(parent, { OnBuild: [] }), cmdSet: false, names };
    }
    if (base === scratch) {
      const tip = this.#builder.add({ kind: "scratch" }, [], { name: "" });
      return startStage(tip, emptyImage(platform ?? this.#options.platform), names);
    }
    const { image, tip } = this.#image(imageKey(base, platform), `FROM`, names);
    const state = startStage(tip, loweredImage(image.config), { ...names, used: total === 0 ? 0 : 1 });
    return withConfig(state, { OnBuild: [] });
  }

  #image(key: string, verb: string, names: StepNames): { readonly image: BaseImage; readonly tip: Digest } {
    const image = this.#options.resolved.images.get(key);
    if (image === undefined) throw new Error(`image ${key} was not resolved`);
    const place = names.stage === "" ? "" : `${names.stage} `;
    const prefix = names.total === 0 ? "" : `[${place}${"1".padStart(String(names.total).length)}/${names.total}] `;
    const op = { kind: "image", imageID: image.id, chainID: image.chainID } as const;
    return { image, tip: this.#builder.add(op, [], { name: `${prefix}${verb} ${image.name}` }) };
  }

  #context(planned: PlannedStage): StageContext {
    const { args, planned: stages, buildArgs, network, allowsHostNetwork } = this.#options;
    const unnamed: StepNames = { stage: "", total: 0, used: 0 };
    return {
      escape: this.#file.escape,
      graph: this.#builder,
      buildArgs,
      globalArgs: args,
      network,
      allowsHostNetwork,
      context: () => this.#builder.add({ kind: "context" }, [], { name: "[internal] load build context" }),
      source: (from, isCopy) => {
        const source = sourceOf(stages, from, isCopy);
        if ("image" in source) return this.#image(imageKey(source.image, planned.platform), "FROM", unnamed).tip;
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

function dependencies(planned: readonly PlannedStage[], stage: PlannedStage): readonly PlannedStage[] {
  const copied = sourcesOf(planned, stage.stage.instructions).flatMap(({ source }) =>
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
