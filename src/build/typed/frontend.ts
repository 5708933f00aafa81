import { BerthError, messageOf } from "../../base/errors.ts";
import { nowhere, type Span } from "../../dockerfile/ast.ts";
import { withSuggestion } from "../../dockerfile/suggest.ts";
import { platformText } from "../../oci/platform.ts";
import type { DockerfileSource } from "../build-error.ts";
import type { AskedArg, Frontend, PlanOptions } from "../frontend.ts";
import { globalArgs } from "../global-args.ts";
import type { PlannedStage } from "../stages.ts";
import { type CallPlace, callPlaces } from "./call-places.ts";
import { isStage, type StageData } from "./data.ts";
import { type BuildGraph, type BuildInputs, type NamedStage, namedStages, type TargetStage } from "./graph.ts";
import { StagePlanner } from "./plan-stages.ts";
import type { Stage } from "./stage.ts";

/** Stages of a program as what a build is made of. @param source the file that its lines are in */
export function typedFrontend(graph: BuildGraph, source: DockerfileSource): Frontend {
  return {
    directives: [],
    plan: async (options) => {
      const asked = new Map<string, AskedArg>();
      const inputs = inputsOf(options, asked, spanIn(source));
      const planner = new StagePlanner(options, { spanOf: spanIn(source), names: namesOf(graph) });
      let target: PlannedStage | undefined;
      for (const { name, stage } of chosen(graph, options))
        target = planner.plan(await made(stage, name, inputs), name);
      if (target === undefined) throw new BerthError("invalid-argument", `${source.name} has no stage`);
      const args = globalArgs({ globalArgs: [], escape: backslash }, { ...options, target: target.name ?? "default" });
      return { stages: planner.stages, target, args, asked: [...asked.values()], escape: backslash };
    },
  };
}

const backslash = "\\";

/** The line of a file that calls go through. */
export type SpanOf = (places: readonly CallPlace[]) => Span;

/** Where calls stand in a file: a helper's, where the file calls it. */
export function spanIn({ path }: DockerfileSource): SpanOf {
  return (places) => {
    const { line } = places.find(({ file }) => file === path) ?? {};
    return line === undefined ? nowhere : { start: line, end: line };
  };
}

/** What the program calls its stages. */
function namesOf(graph: BuildGraph): ReadonlyMap<StageData, string> {
  const named = namedStages(graph).flatMap(({ name, stage }) =>
    name !== undefined && isStage(stage) ? [[stage.definition, name] as const] : [],
  );
  return new Map(named);
}

/** Those to plan, the target last. @throws {BerthError} not-found, invalid-argument */
function chosen(graph: BuildGraph, { target = "", everyStage = false }: PlanOptions): readonly NamedStage[] {
  const all = namedStages(graph);
  const names = all.flatMap(({ name }) => name ?? []);
  if (target !== "") {
    const found = all.find(({ name }) => name === target);
    if (found !== undefined) return [found];
    const message = `target stage ${JSON.stringify(target)} could not be found`;
    throw new BerthError("not-found", withSuggestion(message, target, names));
  }
  if (everyStage || all.length <= 1) return all;
  throw new BerthError("invalid-argument", `there are several stages to build: ${names.join(", ")}`, {
    hint: "Choose one: --target NAME, `target` in a program.",
  });
}

async function made(stage: TargetStage, name: string | undefined, inputs: BuildInputs): Promise<Stage> {
  const shown = name ?? "the graph";
  const value = typeof stage === "function" ? await calling(shown, () => stage(inputs)) : stage;
  if (isStage(value)) return value;
  throw new BerthError("invalid-argument", `${shown} is no stage of a build`, {
    hint: "A stage comes of `from(...)` or `scratch()`, or of a function that returns one.",
  });
}

async function calling<T>(name: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError("invalid-argument", `${name}: ${messageOf(error)}`, { cause: error });
  }
}

function inputsOf(
  { platform, buildPlatform = platform, buildArgs }: PlanOptions,
  asked: Map<string, AskedArg>,
  spanOf: SpanOf,
): BuildInputs {
  function arg(name: string): string | undefined;
  function arg(name: string, fallback: string): string;
  function arg(name: string, fallback?: string): string | undefined {
    const value = buildArgs.get(name) ?? fallback;
    if (!asked.has(name)) asked.set(name, { name, value: value ?? "", span: spanOf(callPlaces(2)) });
    return value;
  }
  return { platform: platformText(platform), buildPlatform: platformText(buildPlatform), arg };
}
