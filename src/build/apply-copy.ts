import { join, normalize } from "node:path/posix";
import type { Add, Copy } from "../dockerfile/ast.ts";
import { place, sourcesOf } from "./copy-sources.ts";
import type { CopyOp, InlineFile } from "./graph.ts";
import { parseMode } from "./mode.ts";
import { withoutCredentials } from "./redact.ts";
import { nameStep, type StageContext, type StageState, shownInstruction, withLayer, word } from "./stage-state.ts";

/**
 * Apply `COPY` or `ADD`: one vertex, one layer; a vertex more for each source that is fetched.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function applyCopy(state: StageState, context: StageContext, step: Copy | Add): StageState {
  const owner = word(state, context, step.chown ?? "");
  const chmod = word(state, context, step.chmod ?? "");
  const words = step.sources.map((source) => word(state, context, source));
  const destination = word(state, context, step.destination);
  const from = step.kind === "COPY" ? step.from : undefined;
  const parents = step.kind === "COPY" && step.parents;
  const sources = sourcesOf(state, context, { step, words });
  const local = sources.filter((source) => source.kind === "local").map(({ path }) => path);
  if (from === undefined) lintSources(context, step, local);
  const [name, named] = nameStep(state, withoutCredentials(shownInstruction(state, context, step.original)));
  const inputs = local.length === 0 ? [] : [from === undefined ? context.context() : context.source(from, true)];
  const placed = sources.map((source) => place(source, { context, step, name, inputs }));
  const unpack = step.kind === "ADD" && step.unpack !== false;
  const op: CopyOp = {
    kind: "copy",
    sources: placed.map(({ path }) => path),
    inline: step.files.map((file) => inlineFile(state, context, file)),
    destination: absoluteDestination(state, destination),
    parents,
    exclude: step.exclude.map((pattern) => word(state, context, pattern)),
    unpack,
    ...(owner === "" ? {} : { owner }),
    ...(chmod === "" ? {} : { mode: parseMode(chmod) }),
    ...(local.length === sources.length ? {} : { origins: placed.map(({ origin }) => origin ?? { input: 1, unpack }) }),
  };
  const vertex = context.graph.add(op, [state.tip, ...inputs], { name, span: step.span });
  const options = [
    ...(parents ? ["--parents"] : []),
    ...(op.owner === undefined ? [] : [`--chown=${op.owner}`]),
    ...(op.mode === undefined ? [] : [`--chmod=${chmod}`]),
  ];
  const files = [...words.map(withoutCredentials), ...step.files.map((file) => `<<${file.name}`)];
  return withLayer(named, vertex, [step.kind, ...options, ...files, destination, "# buildkit"].join(" "));
}

function inlineFile(state: StageState, context: StageContext, file: Copy["files"][number]): InlineFile {
  if (!file.expand) return { name: file.name, data: file.content };
  return { name: file.name, data: word(state, context, file.content, { quotes: "plain" }) };
}

/** A destination is relative to `WORKDIR`, and cleaned; what ends in `/` or `/.` goes on saying that it is a directory. */
function absoluteDestination(state: StageState, destination: string): string {
  const written = destination === "." || destination === "" ? "./" : destination;
  const base = written.startsWith("/") ? "/" : (state.image.config.WorkingDir ?? "/");
  const path = join("/", base, written).replace(/(?<=.)\/$/, "");
  if (path === "/" || !/\/\.?$/.test(written)) return path;
  return `${path}/`;
}

function lintSources({ ignores, warn }: StageContext, { kind }: Copy | Add, sources: readonly string[]): void {
  for (const source of sources.map((source) => normalize(source).replace(/(?<=.)\/$/, "")))
    if (ignores(source)) warn("CopyIgnoredFile", kind === "ADD" ? "Add" : "Copy", source);
}
