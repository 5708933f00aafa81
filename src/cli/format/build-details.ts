import type { PastBuild, PastStep } from "../engine-types.ts";
import { linesOf, startOf } from "../list/build-row.ts";
import { align } from "./align.ts";
import { buildDuration } from "./build-duration.ts";
import { printable } from "./printable.ts";

/** `builds inspect` for people, in the form of `buildx history inspect`, and its steps. */
export function buildText(build: PastBuild): string {
  const { steps, status, error, buildArgs, unneeded, omitted } = build;
  const share = steps.total === 0 ? 0 : Math.round((100 * steps.cached) / steps.total);
  const args = Object.entries(buildArgs);
  const blocks = [
    pairs([
      ["Name", build.name],
      ["Ref", build.id],
      ["Context", build.context],
      ["Dockerfile", build.dockerfile],
      ["Target", build.target ?? ""],
      ["Platforms", build.platform.replaceAll(",", ", ")],
      ["Tags", build.tags.join(", ")],
      ["Image", build.image ?? ""],
    ]),
    pairs([
      ["Started", startOf(build).slice(0, 19).replace("T", " ")],
      ["Duration", buildDuration(build.duration)],
      ["Error", status === "error" ? (error ?? "").split("\n", 1)[0] : ""],
      ["Status", status === "canceled" ? "Canceled" : ""],
      ["Build Steps", `${steps.completed}/${steps.total} (${share}% cached)`],
      ["No Cache", build.noCache ? "true" : ""],
    ]),
    args.length === 0 ? "" : align([["BUILD ARG", "VALUE"], ...args.map(([name, value]) => [name, printable(value)])]),
    align([["STEP", "LINE", "STATUS", "DURATION"], ...build.recorded.map(rowOf)]),
  ];
  const notes = [
    ...(omitted === 0 ? [] : [`${omitted} more steps are not recorded`]),
    ...(unneeded.length === 0 ? [] : [`Stages that the target doesn't need: ${unneeded.map(printable).join(", ")}`]),
    `Print build logs: berth builds logs ${build.id.slice(0, 12)}`,
  ];
  return `${[...blocks, `${notes.join("\n")}\n`].filter((block) => block !== "").join("\n")}`;
}

function pairs(entries: readonly (readonly [string, string | undefined])[]): string {
  const shown = entries.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width)}${printable(value ?? "")}\n`).join("");
}

function rowOf(step: PastStep): readonly string[] {
  const took = step.duration === undefined ? "" : buildDuration(step.duration);
  return [printable(step.name), linesOf(step), step.outcome, took];
}

/** `builds inspect` for programs and templates, with buildx's names. Durations are nanoseconds. */
export function buildInspectJSON(build: PastBuild): object {
  const { status, error, steps } = build;
  return {
    Name: build.name,
    Ref: build.id,
    Context: build.context,
    Dockerfile: build.dockerfile,
    ...(build.target === undefined ? {} : { Target: build.target }),
    Platform: build.platform.split(","),
    Tags: build.tags,
    ...(build.image === undefined ? {} : { Image: build.image }),
    StartedAt: startOf(build),
    CompletedAt: new Date(build.started + build.duration).toISOString(),
    Duration: build.duration * 1e6,
    Status: status === "error" ? "failed" : status,
    ...(error === undefined ? {} : { Error: { Message: error } }),
    NumCompletedSteps: steps.completed,
    NumTotalSteps: steps.total,
    NumCachedSteps: steps.cached,
    BuildArgs: Object.entries(build.buildArgs).map(([Name, Value]) => ({ Name, Value })),
    Config: build.noCache ? { NoCache: true } : {},
    UnneededStages: build.unneeded,
    Steps: build.recorded.map((step) => stepJSON(build, step)),
  };
}

function stepJSON(build: PastBuild, step: PastStep): object {
  const { vertex, name, span, outcome, ready, started, duration, error, inputs } = step;
  const at = (time: number | undefined): string | undefined =>
    time === undefined ? undefined : new Date(build.started + time).toISOString();
  return {
    Vertex: vertex,
    Name: name,
    ...(span === undefined ? {} : { StartLine: span.start, EndLine: span.end }),
    Status: outcome,
    ReadyAt: at(ready),
    StartedAt: at(started),
    ...(duration === undefined ? {} : { Duration: Math.round(duration * 1e6) }),
    ...(error === undefined ? {} : { Error: error }),
    ...(inputs === undefined ? {} : { Inputs: inputs }),
  };
}
