import { BerthError } from "../../base/errors.ts";
import type { Span } from "../../dockerfile/ast.ts";
import { located } from "../build-error.ts";
import { platformNamed } from "../dockerfile/plan-stages.ts";
import type { PlanOptions, StageInstruction } from "../frontend.ts";
import { contextName, type NamedContext } from "../named-contexts.ts";
import { argValue } from "../stage-state.ts";
import { baseOf, contextNamed, imageSource, type PlannedStage, type StageSource, stageName } from "../stages.ts";
import type { CallPlace } from "./call-places.ts";
import { type ContextSource, isStage, type StageData, type TypedSource, type TypedStep } from "./data.ts";
import { readStep, typedSources } from "./read-step.ts";
import type { Stage } from "./stage.ts";

/** What is known of stages beside themselves. */
interface StagePlaces {
  /** The line that calls stand in. */
  readonly spanOf: (places: readonly CallPlace[]) => Span;
  /** What the program calls those that have no name of their own. */
  readonly names: ReadonlyMap<StageData, string>;
}

/** Puts stages in an order in which each stands behind those that it reads from. Each is planned once. */
export class StagePlanner {
  readonly stages: PlannedStage[] = [];
  readonly #planned = new Map<StageData, PlannedStage>();
  readonly #options: PlanOptions;
  readonly #spanOf: (places: readonly CallPlace[]) => Span;
  readonly #names: ReadonlyMap<StageData, string>;

  constructor(options: PlanOptions, { spanOf, names }: StagePlaces) {
    this.#options = options;
    this.#spanOf = spanOf;
    this.#names = names;
  }

  /** @param called what the program calls what a function made. @throws {BuildError} */
  plan(stage: Stage, called?: string): PlannedStage {
    const { contexts = new Map() } = this.#options;
    const data = stage.definition;
    const known = this.#planned.get(data);
    if (known !== undefined) return known;
    const { start, steps } = data;
    const name = start.name ?? this.#names.get(data) ?? called;
    const instead = start.name === undefined ? undefined : contexts.get(start.name);
    const base = this.#within(start.places, () => (instead === undefined ? this.#base(start.base) : baseOf(instead)));
    const instructions = instead === undefined ? steps.map((step) => this.#instruction(step)) : [];
    const { wanted } = this.#options;
    const platform = this.#within(start.places, () =>
      start.platform === undefined
        ? (base.baseStage?.platform ?? wanted)
        : platformNamed(start.platform, start.platform),
    );
    const about = { index: this.stages.length, name, span: this.#spanOf(start.places), platform };
    const planned: PlannedStage = { ...about, instructions, ...base };
    this.stages.push(planned);
    this.#planned.set(data, planned);
    return planned;
  }

  #base(base: TypedSource): Pick<PlannedStage, "base" | "baseStage" | "baseContext"> {
    if (isStage(base)) {
      const baseStage = this.plan(base);
      return { base: stageName(baseStage), baseStage };
    }
    if (typeof base !== "string") return baseOf(this.#context(base));
    if (base === "") throw new BerthError("invalid-argument", "base name () should not be blank");
    const context = contextNamed(this.#options.contexts ?? new Map(), base);
    return context === undefined ? { base, baseStage: undefined } : baseOf(context);
  }

  #source(source: TypedSource): StageSource {
    if (isStage(source)) return { stage: this.plan(source) };
    if (typeof source === "string") return imageSource(source, this.#options.contexts ?? new Map());
    const context = this.#context(source);
    return context.kind === "image" ? { image: context.reference } : { context: context.name };
  }

  #context({ name }: ContextSource): NamedContext {
    const found = this.#options.contexts?.get(contextName(name) ?? "");
    if (found !== undefined) return found;
    throw new BerthError("not-found", `no build context is named ${JSON.stringify(name)}`, {
      hint: `Give it: --build-context ${name}=DIRECTORY, \`contexts\` in a program.`,
    });
  }

  #instruction({ content, places }: TypedStep): StageInstruction {
    const sources = this.#within(places, () =>
      typedSources(content).map((source) => [source, this.#source(source)] as const),
    );
    const planned = new Map(sources);
    const sourceOf = (source: TypedSource): StageSource => planned.get(source) ?? this.#source(source);
    return {
      kind: content.kind,
      keyword: content.kind,
      span: this.#spanOf(places),
      args: content.kind === "ARG" ? [content.name] : [],
      ...(content.kind === "ONBUILD" ? { trigger: content.expression } : {}),
      sources: () => sources.map(([, source]) => source),
      read: (state, context) =>
        readStep(content, {
          env: Object.fromEntries(state.env),
          sourceOf,
          argValue: (name, fallback) => argValue(context, name, () => fallback),
        }),
    };
  }

  #within<T>(places: readonly CallPlace[], body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw located(error, { span: this.#spanOf(places) });
    }
  }
}
