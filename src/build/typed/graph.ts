import { isStage } from "./data.ts";
import type { Stage } from "./stage.ts";

/** What a stage may depend on when it is made by a function: that is called for each platform. */
export interface BuildInputs {
  /** What is built for: `linux/arm64`. */
  readonly platform: string;
  /** What commands run on that stages of this platform run: this machine's. */
  readonly buildPlatform: string;
  /** A build argument, by name; the fallback, or nothing, where the build doesn't give it. */
  readonly arg: {
    (name: string): string | undefined;
    (name: string, fallback: string): string;
  };
}

/** A stage, or a function that makes one. */
export type TargetStage = Stage | ((inputs: BuildInputs) => Stage | Promise<Stage>);

/** What to build: a stage, or several by name, of which `target` chooses one. */
export type BuildGraph = TargetStage | Readonly<Record<string, TargetStage>>;

/** A stage of a graph; one that is a graph alone has no name. */
export interface NamedStage {
  readonly name: string | undefined;
  readonly stage: TargetStage;
}

/** The stages of a graph by name. */
export function namedStages(graph: BuildGraph): readonly NamedStage[] {
  if (isStage(graph) || typeof graph === "function") return [{ name: undefined, stage: graph }];
  return Object.entries(graph).map(([name, stage]) => ({ name, stage }));
}

/** The file that a graph's first stage was begun in, as far as that is known: functions weren't called yet. */
export function fileOfGraph(graph: BuildGraph): string | undefined {
  const [begun] = namedStages(graph).flatMap(({ stage }) => (isStage(stage) ? [stage.definition.start.places] : []));
  return begun?.[0]?.file;
}
