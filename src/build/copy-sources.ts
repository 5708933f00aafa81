import { join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { checkCommit, type GitReference, parseGitReference } from "./git-reference.ts";
import { type CopyOrigin, type GitOp, type HttpOp, httpDirectory } from "./graph.ts";
import { withoutCredentials } from "./redact.ts";
import type { StageContext } from "./stage-state.ts";
import type { AddStep, CopyStep } from "./steps.ts";

/** A source of `COPY` or `ADD`: a path, or what is fetched. */
export type Source = { readonly kind: "local"; readonly path: string } | HttpOp | GitOp;

/**
 * What the sources of a step are.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text, for what is fetched by `COPY`, and flags that don't fit
 */
export function sourcesOf(step: CopyStep | AddStep): readonly Source[] {
  const { checksum = "", keepGitDir } = step.kind === "ADD" ? step : {};
  const wanted: Wanted = {
    kind: step.kind,
    ...(checksum === "" ? {} : { checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
  };
  const sources = step.sources.map((source) => sourceOf(source, wanted));
  if (checksum !== "") {
    if (sources.length !== 1) throw wrong("checksum can't be specified for multiple sources");
    if (sources[0]?.kind === "local") throw wrong("checksum requires HTTP(S) or Git sources");
  }
  return sources;
}

/** What an instruction says of its sources. */
interface Wanted {
  readonly kind: "COPY" | "ADD";
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
}

function sourceOf(text: string, wanted: Wanted): Source {
  const git = parseGitReference(text);
  if (git !== undefined && !git.isLikePath) return gitOp(git, wanted);
  return /^https?:\/\//.test(text) ? httpOp(text, wanted) : { kind: "local", path: text };
}

function gitOp({ isLikePath, ...reference }: GitReference, wanted: Wanted): GitOp {
  if (wanted.kind === "COPY") throw wrong("source can't be a git ref for COPY");
  const { checksum = wanted.checksum, keepGitDir = wanted.keepGitDir } = reference;
  if (keepGitDir !== (wanted.keepGitDir ?? keepGitDir)) throw wrong("inconsistent keep-git-dir configuration");
  if (checksum !== (wanted.checksum ?? checksum))
    throw wrong(`checksum mismatch ${JSON.stringify(wanted.checksum)} != ${JSON.stringify(checksum)}`);
  if (checksum !== undefined) checkCommit(checksum);
  return {
    kind: "git",
    ...reference,
    ...(checksum === undefined ? {} : { checksum }),
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
  };
}

function httpOp(url: string, { kind, checksum }: Wanted): HttpOp {
  if (kind === "COPY") throw wrong("source can't be a URL for COPY");
  if (!URL.canParse(url)) throw wrong(`parse ${JSON.stringify(withoutCredentials(url))}: invalid URL`);
  const name = fileName(new URL(url).pathname);
  return { kind: "http", url, name, ...(checksum === undefined ? {} : { checksum: digestNamed(checksum) }) };
}

/** The last part of an address; what can't be the name of a file has one of BuildKit's. */
function fileName(path: string): string {
  const name = decoded(path).split("/").filter(Boolean).at(-1)?.trim();
  if (name === undefined) return "__unnamed__";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /^(\.{0,2})$|[\0-\x1f\x7f-\x9f]/.test(name) || Buffer.byteLength(name) > longestName ? "download" : name;
}

/** Bytes that Linux takes. */
const longestName = 255;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    if (error instanceof URIError) return path;
    throw error;
  }
}

function digestNamed(checksum: string): Digest {
  if (isDigest(checksum)) return checksum;
  const [, algorithm, hex] = /^([a-z0-9]+(?:[.+_-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(checksum) ?? [];
  if (algorithm === undefined || hex === undefined) throw wrong("invalid checksum digest format");
  if (algorithm !== "sha256") throw wrong("unsupported digest algorithm");
  throw wrong(hex.length === 64 ? "invalid checksum digest format" : "invalid checksum digest length");
}

/** Where sources are added to a graph. */
export interface Placing {
  readonly context: StageContext;
  readonly step: CopyStep | AddStep;
  /** Of the step, as progress shows it. */
  readonly name: string;
  /** Vertices that the step reads, beside its file system: the one of local files first. Those of fetched sources are added. */
  readonly inputs: Digest[];
}

/** A source as the operation has it. */
export interface PlacedSource {
  readonly path: string;
  /** Absent for a local one. */
  readonly origin?: CopyOrigin;
}

/** Add the vertex of a source that is fetched. */
export function place(source: Source, { context, step, name, inputs }: Placing): PlacedSource {
  if (source.kind === "local") {
    const keepsParents = step.kind === "COPY" && step.parents;
    return { path: keepsParents ? `/${source.path.replace(/^\.\//, "")}` : join("/", source.path) };
  }
  const input = inputs.push(context.graph.add(source, [], { name, ...context.place }));
  if (source.kind === "git") return { path: "/", origin: { input, unpack: false } };
  const path = join(httpDirectory, source.name.replace(/[\\*?[]/g, "\\$&"));
  return { path, origin: { input, unpack: step.kind === "ADD" && step.unpack === true } };
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
