import { join, normalize } from "node:path/posix";
import { place, sourcesOf } from "./copy-sources.ts";
import type { CopyOp } from "./graph.ts";
import { parseMode } from "./mode.ts";
import { withoutCredentials } from "./redact.ts";
import { nameStep, type StageContext, type StageState, withLayer } from "./stage-state.ts";
import type { AddStep, CopyStep } from "./steps.ts";

/**
 * Apply `COPY` or `ADD`: one vertex, one layer; a vertex more for each source that is fetched.
 *
 * @param shown the step as progress shows it
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function applyCopy(
  state: StageState,
  context: StageContext,
  { step, shown }: { readonly step: CopyStep | AddStep; readonly shown: string },
): StageState {
  const from = step.kind === "COPY" ? step.from : undefined;
  const parents = step.kind === "COPY" && step.parents;
  const sources = sourcesOf(step);
  const local = sources.filter((source) => source.kind === "local").map(({ path }) => path);
  if (from === undefined) lintSources(context, step, local);
  const [name, named] = nameStep(state, shown);
  const inputs = local.length === 0 ? [] : [from === undefined ? context.context() : context.source(from)];
  const placed = sources.map((source) => place(source, { context, step, name, inputs }));
  const unpack = step.kind === "ADD" && step.unpack !== false;
  const op: CopyOp = {
    kind: "copy",
    sources: placed.map(({ path }) => path),
    inline: step.files,
    destination: absoluteDestination(state, step.destination),
    parents,
    exclude: step.exclude,
    unpack,
    ...(step.chown === "" ? {} : { owner: step.chown }),
    ...(step.chmod === "" ? {} : { mode: parseMode(step.chmod) }),
    ...(local.length === sources.length ? {} : { origins: placed.map(({ origin }) => origin ?? { input: 1, unpack }) }),
  };
  const link = step.link === true && step.chmod === "" ? { link: true } : {};
  const vertex = context.graph.add(op, [state.tip, ...inputs], { name, ...context.place, ...link });
  const options = [
    ...(parents ? ["--parents"] : []),
    ...(op.owner === undefined ? [] : [`--chown=${op.owner}`]),
    ...(op.mode === undefined ? [] : [`--chmod=${step.chmod}`]),
  ];
  const files = [...step.sources.map(withoutCredentials), ...step.files.map((file) => `<<${file.name}`)];
  return withLayer(named, vertex, [step.kind, ...options, ...files, step.destination, "# buildkit"].join(" "));
}

/** A destination is relative to `WORKDIR`, and cleaned; what ends in `/` or `/.` goes on saying that it is a directory. */
function absoluteDestination(state: StageState, destination: string): string {
  const written = destination === "." || destination === "" ? "./" : destination;
  const base = written.startsWith("/") ? "/" : (state.image.config.WorkingDir ?? "/");
  const path = join("/", base, written).replace(/(?<=.)\/$/, "");
  if (path === "/" || !/\/\.?$/.test(written)) return path;
  return `${path}/`;
}

function lintSources({ ignores, warn }: StageContext, { kind }: CopyStep | AddStep, sources: readonly string[]): void {
  for (const source of sources.map((source) => normalize(source).replace(/(?<=.)\/$/, "")))
    if (ignores(source)) warn("CopyIgnoredFile", kind === "ADD" ? "Add" : "Copy", source);
}
