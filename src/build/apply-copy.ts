import { join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import type { Add, Copy } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import type { CopyOp, InlineFile } from "./graph.ts";
import { nameStep, type StageContext, type StageState, shownInstruction, withLayer, word } from "./stage-state.ts";

/**
 * Apply `COPY` or `ADD`: one vertex, one layer.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text; unimplemented, for remote sources
 */
export function applyCopy(state: StageState, context: StageContext, step: Copy | Add): StageState {
  const sources = step.sources.map((source) => word(state, context, source));
  const destination = word(state, context, step.destination);
  const from = step.kind === "COPY" ? step.from : undefined;
  const parents = step.kind === "COPY" && step.parents;
  const owner = word(state, context, step.chown ?? "");
  const chmod = word(state, context, step.chmod ?? "");
  for (const source of sources) refuseRemote(step, source);
  const op: CopyOp = {
    kind: "copy",
    sources: sources.map((source) => (parents ? `/${source}` : join("/", source))),
    inline: step.files.map((file) => inlineFile(state, file)),
    destination: absoluteDestination(state, destination),
    parents,
    exclude: step.exclude.map((pattern) => word(state, context, pattern)),
    unpack: step.kind === "ADD" && step.unpack !== false,
    ...(owner === "" ? {} : { owner }),
    ...(chmod === "" ? {} : { mode: parseMode(chmod) }),
  };
  const input = sources.length === 0 ? [] : [from === undefined ? context.context() : context.source(from, true)];
  const [name, named] = nameStep(state, shownInstruction(state, context, step.original));
  const vertex = context.graph.add(op, [state.tip, ...input], { name, span: step.span });
  const options = [
    ...(parents ? ["--parents"] : []),
    ...(op.owner === undefined ? [] : [`--chown=${op.owner}`]),
    ...(op.mode === undefined ? [] : [`--chmod=${chmod}`]),
  ];
  const files = [...sources, ...step.files.map((file) => `<<${file.name}`)];
  return withLayer(named, vertex, [step.kind, ...options, ...files, destination, "# buildkit"].join(" "));
}

function inlineFile(state: StageState, file: Copy["files"][number]): InlineFile {
  if (!file.expand) return { name: file.name, data: file.content };
  const { text } = expandWord(file.content, (name) => state.env.get(name), { quotes: "plain" });
  return { name: file.name, data: text };
}

/** A destination is relative to `WORKDIR`, and cleaned; what ends in `/` or `/.` goes on saying that it is a directory. */
function absoluteDestination(state: StageState, destination: string): string {
  const written = destination === "." || destination === "" ? "./" : destination;
  const base = written.startsWith("/") ? "/" : (state.image.config.WorkingDir ?? "/");
  const path = join("/", base, written).replace(/(?<=.)\/$/, "");
  if (path === "/" || !/\/\.?$/.test(written)) return path;
  return `${path}/`;
}

function parseMode(text: string): number {
  const mode = /^[0-7]{1,8}$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (mode <= 0o7777) return mode;
  throw new BerthError(
    "invalid-argument",
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
  );
}

function refuseRemote(step: Copy | Add, source: string): void {
  const isGit = /^git@|^git:\/\/|^ssh:\/\/|^https?:\/\/.*\.git(?:#.*)?$/.test(source);
  if (!isGit && !/^https?:\/\//.test(source)) return;
  if (step.kind === "COPY")
    throw new BerthError(
      "invalid-argument",
      isGit ? "source can't be a git ref for COPY" : "source can't be a URL for COPY",
    );
  throw new BerthError(
    "unimplemented",
    `ADD from ${isGit ? "a git repository" : "a URL"} is not supported: ${source}`,
    {
      hint: "Download it into the build context, or in a RUN step.",
    },
  );
}
