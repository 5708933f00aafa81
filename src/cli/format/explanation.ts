import { shortID } from "../../base/ids.ts";
import type { Explanation, PastStep } from "../engine-types.ts";
import { linesOf, startOf } from "../list/build-row.ts";
import { buildDuration } from "./build-duration.ts";
import { ago } from "./human-duration.ts";
import { printable, shortened } from "./printable.ts";

type ExplainedStep = Explanation["steps"][number];
type Reason = NonNullable<ExplainedStep["reason"]>;
type FileChanges = NonNullable<Extract<Reason, { readonly kind: "files" }>["changes"]>;

/** How much is shown. */
export interface ExplanationOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Paths of each list of files. */
  readonly mostPaths: number;
}

/** Paths that are named of a list of files, where no number is given. */
export const usualPaths: number = 10;

/** Why the steps of a build ran, for people. */
export function explanationText({ build, compared, steps }: Explanation, options: ExplanationOptions): string {
  const when = ago(startOf(build), options.now);
  const against =
    compared === undefined
      ? "no earlier build of it is recorded"
      : `compared with ${shortID(compared.id)}, ${ago(startOf(compared), options.now)}`;
  const unneeded = build.unneeded.map(
    (stage) => `stage ${printable(stage)}\n    skipped: the target doesn't need it\n`,
  );
  const blocks = [...steps.map((step) => stepText(step, options)), ...unneeded];
  return `Build ${shortID(build.id)} of ${printable(build.name)}, ${when}: ${against}\n\n${blocks.join("")}`;
}

/** One step, and what there is to say of it. */
function stepText({ step, reason, tookAlong }: ExplainedStep, options: ExplanationOptions): string {
  const lines = [`${printable(step.name)}${lineText(step)}`, `    ${outcomeText(step)}`];
  if (reason !== undefined) lines.push(...reasonLines(reason, options).map((line) => `    ${line}`));
  if (reason?.kind !== "step" && tookAlong.length > 0) {
    lines.push("    it took along:");
    lines.push(...tookAlong.map((each) => `      ${printable(each.name)}${tookText(each)}`));
  }
  return `${lines.join("\n")}\n`;
}

function lineText(step: PastStep): string {
  const lines = linesOf(step);
  if (lines === "") return "";
  return lines.includes("-") ? `  (lines ${lines})` : `  (line ${lines})`;
}

function tookText({ duration, outcome }: PastStep): string {
  const what = outcome === "ran" ? "" : `${outcome} `;
  return duration === undefined ? "" : `  (${what}${buildDuration(duration)})`;
}

function outcomeText({ outcome, duration, error }: PastStep): string {
  const took = duration === undefined ? "" : ` ${buildDuration(duration)}`;
  switch (outcome) {
    case "cached":
      return "cached: its result was there";
    case "ran":
      return `ran${took}`;
    case "failed":
      return `failed${took}: ${printable((error ?? "").split("\n", 1)[0] ?? "")}`;
    case "canceled":
      return `canceled: it ran${took} and was stopped`;
    case "skipped":
      return "skipped: the build ended before it";
    default:
      return outcome satisfies never;
  }
}

function reasonLines(reason: Reason, options: ExplanationOptions): readonly string[] {
  switch (reason.kind) {
    case "no-cache":
      return ["because no result was looked up (--no-cache, --no-cache-filter)"];
    case "first":
      return ["because no earlier build that is recorded has come to it"];
    case "new":
      return ["because the instruction is new"];
    case "instruction":
      return [`because the instruction changed; it was: ${wasText(reason)}`];
    case "field":
      return [`because ${fieldText(reason)}`];
    case "base":
      return [
        `because the image changed: ${printable(reason.name)}`,
        `  ${shortImage(reason.before)} -> ${shortImage(reason.after)}`,
      ];
    case "files":
      return filesLines(reason, options);
    case "step":
      return [`only because ${printable(reason.name)} ran`];
    case "result":
      return [`because it stands on another result of ${printable(reason.name)} than before`];
    case "no-result":
      return [noResultText(reason.before)];
    default:
      return reason satisfies never;
  }
}

/** Columns of a text that is cut short. */
const longestText = 120;

function wasText({ before, line }: Extract<Reason, { readonly kind: "instruction" }>): string {
  const place = line === undefined ? "" : ` (line ${line})`;
  return `${shortened(printable(before), longestText)}${place}`;
}

const fieldNames: Readonly<Record<Extract<Reason, { readonly kind: "field" }>["field"], string>> = {
  instruction: "the instruction's",
  argument: "the build argument",
  variable: "the environment variable",
  secret: "the secret",
  mount: "the mount",
  file: "the file in the Dockerfile",
  setting: "the setting",
};

function fieldText({ field, name, before, after }: Extract<Reason, { readonly kind: "field" }>): string {
  const what = `${fieldNames[field]} ${printable(name)}`;
  if (before === undefined) return `${what} is new${field === "secret" ? "" : `: ${valueText(after)}`}`;
  if (after === undefined) return `${what} is gone${field === "secret" ? "" : `; it was ${valueText(before)}`}`;
  if (field === "file") return `${what} changed`;
  return `${what} changed: ${valueText(before)} -> ${valueText(after)}`;
}

/** A value that was kept as a digest says nothing more. */
function valueText(value = ""): string {
  if (/^sha256:[0-9a-f]{64}$/.test(value)) return `(${value.slice(0, "sha256:".length + 12)})`;
  return JSON.stringify(shortened(printable(value), longestText));
}

function shortImage(id: string): string {
  return id === "" ? "(not recorded)" : id.slice(0, "sha256:".length + 12);
}

function filesLines(
  { mount, changes }: Extract<Reason, { readonly kind: "files" }>,
  { mostPaths }: ExplanationOptions,
): readonly string[] {
  const where = mount === "" ? "" : ` in the mount ${printable(mount)}`;
  if (changes === undefined)
    return [`because files changed${where}: which is not known, as a list was not kept (beyond 20,000 files it isn't)`];
  const counts = [
    ...(changes.changed.length > 0 ? [`${changes.changed.length} changed`] : []),
    ...(changes.added.length > 0 ? [`${changes.added.length} added`] : []),
    ...(changes.removed.length > 0 ? [`${changes.removed.length} removed`] : []),
  ];
  if (counts.length === 0) return [`because the order or the names of its files changed${where}`];
  const paths = pathLines(changes);
  const shown = paths.slice(0, mostPaths).map((line) => `  ${line}`);
  const more = paths.length > mostPaths ? [`  and ${paths.length - mostPaths} more`] : [];
  return [`because files${where} are others: ${counts.join(", ")}`, ...shown, ...more];
}

function pathLines({ changed, added, removed }: FileChanges): readonly string[] {
  const shown = (path: string): string => printable(path.replace(/^\//, "") || "/");
  return [
    ...changed.map(({ path, what }) => `changed  ${shown(path)}  (${what.join(", ")})`),
    ...added.map((path) => `added    ${shown(path)}`),
    ...removed.map((path) => `removed  ${shown(path)}`),
  ];
}

function noResultText(before: PastStep["outcome"]): string {
  if (before === "failed") return "because it failed in the build before, and so left no result";
  if (before === "canceled") return "because it was canceled in the build before, and so left no result";
  return "because its result isn't there any more: the build cache was pruned, or its layer removed";
}

/** The same for programs. */
export function explanationJSON({ build, compared, steps }: Explanation): object {
  return {
    Ref: build.id,
    ComparedWith: compared?.id ?? null,
    UnneededStages: build.unneeded,
    Steps: steps.map(({ step, reason, tookAlong, compared: against }) => ({
      Vertex: step.vertex,
      Name: step.name,
      ...(step.span === undefined ? {} : { StartLine: step.span.start, EndLine: step.span.end }),
      Status: step.outcome,
      ...(step.duration === undefined ? {} : { Duration: Math.round(step.duration * 1e6) }),
      ...(reason === undefined ? {} : { Reason: reason, ComparedWith: against ?? null }),
      TookAlong: tookAlong.map(({ vertex }) => vertex),
    })),
  };
}
