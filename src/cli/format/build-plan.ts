import { humanSize } from "../../base/human-size.ts";
import type { BuildPlan } from "../engine-types.ts";
import { linesOf } from "../list/build-row.ts";
import { align } from "./align.ts";
import { buildDuration } from "./build-duration.ts";
import { printable } from "./printable.ts";

type PlannedStep = BuildPlan["steps"][number];

/** What a build would do, for people. */
export function buildPlanText({ steps, fetched, estimate, unknown }: BuildPlan): string {
  const rows = steps.map((step) => [printable(step.name), linesOf(step), willText(step), timeText(step)]);
  const running = steps.filter(({ will }) => will === "run").length;
  const perhaps = steps.filter(({ will }) => will === "may-run").length;
  const counts = [
    `${running} of ${steps.length} steps will run`,
    ...(perhaps === 0 ? [] : [`${perhaps} may`]),
    ...fetched.map(
      ({ name, bytes, layers }) =>
        `${humanSize(bytes, 3)} of ${printable(name)} to fetch (${layers} ${layers === 1 ? "layer" : "layers"})`,
    ),
  ];
  return `${align([["STEP", "LINE", "WILL", "TIME"], ...rows])}\n${counts.join(", ")}\n${estimateText({ running: running + perhaps, estimate, unknown })}`;
}

function willText({ will, because }: PlannedStep): string {
  if (will === "cached") return "be cached";
  if (because === "elsewhere") return "be asked for, and fetched where it changed";
  if (will === "may-run") return "run, unless what it reads from comes out as before";
  if (because === "no-cache") return "run: no result is looked up";
  return because === "earlier-step" ? "run after a step that does" : "run";
}

function timeText({ will, estimate, runs = 0 }: PlannedStep): string {
  if (will === "cached") return "";
  if (estimate === undefined) return "not known";
  return `${buildDuration(estimate)} (${runs} ${runs === 1 ? "run" : "runs"})`;
}

function estimateText({
  running,
  estimate,
  unknown,
}: Pick<BuildPlan, "estimate" | "unknown"> & { readonly running: number }): string {
  if (running === 0) return "Nothing to do but to name the image.\n";
  if (unknown === running) return "No earlier build says how long it takes.\n";
  const more = unknown === 0 ? "" : `, and ${unknown} ${unknown === 1 ? "step" : "steps"} of which nothing is known`;
  return `About ${buildDuration(estimate)} by earlier builds${more}, without what is fetched.\n`;
}

/** The same for programs. Times are nanoseconds. */
export function buildPlanJSON({ steps, fetched, estimate, unknown }: BuildPlan): object {
  return {
    Steps: steps.map((step) => ({
      Vertex: step.vertex,
      Name: step.name,
      ...(step.span === undefined ? {} : { StartLine: step.span.start, EndLine: step.span.end }),
      Will: step.will,
      ...(step.because === undefined ? {} : { Because: step.because }),
      ...(step.estimate === undefined ? {} : { Estimate: Math.round(step.estimate * 1e6), Runs: step.runs }),
    })),
    Fetched: fetched.map(({ name, bytes, layers }) => ({ Name: name, Bytes: bytes, Layers: layers })),
    Estimate: Math.round(estimate * 1e6),
    UnknownSteps: unknown,
  };
}
