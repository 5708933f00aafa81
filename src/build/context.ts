import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { openMatcher, parseIgnore } from "../dockerfile/ignore.ts";
import type { DockerfileSource } from "./build-error.ts";
import type { GitContextOptions } from "./git-context.ts";
import { parseGitReference } from "./git-reference.ts";
import type { OpDeps } from "./op-deps.ts";
import { internalStep } from "./progress.ts";
import { fetchRemote, isRemote } from "./remote-context.ts";
import { directoryTree, type SourceTree } from "./source-tree.ts";
import { type ReceiveDeps, receiveContext, type StreamContext, textOf } from "./stream-context.ts";
import { type BuildGraph, fileOfGraph } from "./typed/graph.ts";

/** What a build reads. Disposing deletes what came as a stream. */
export interface BuildContext extends AsyncDisposable {
  readonly dockerfile: DockerfileSource;
  readonly tree: SourceTree;
  /** Patterns of the ignore file; none of what was received. */
  readonly ignore: readonly string[];
}

/** What a context is opened with. */
export type ContextDeps = ReceiveDeps & OpDeps;

/** Where a build reads: see {@link BuildOptions}. */
export interface ContextOptions extends GitContextOptions {
  readonly context: string | AsyncIterable<Uint8Array>;
  readonly dockerfile?: string;
  readonly dockerfileText?: string;
  readonly graph?: BuildGraph;
}

/**
 * Open a context: read its Dockerfile, and of a directory its ignore file. What came as a stream is read from inside alone, wherever its links lead.
 *
 * @throws {BerthError} not-found, when the directory or the Dockerfile isn't there; invalid-argument, when a Dockerfile is named beside
 *   a stream that is one; all with Docker's texts; unavailable, when it can't be fetched
 */
export async function openContext(deps: ContextDeps, given: ContextOptions): Promise<BuildContext> {
  const { context, dockerfile } = given;
  const options = await withFetchedDockerfile(given);
  if (typeof context === "string") {
    const root = resolve(context);
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() === true)
      return { ...(await read(root, options, { isFile: true })), [Symbol.asyncDispose]: async () => undefined };
    if (!isRemote(context) && parseGitReference(context) === undefined)
      throw new BerthError("not-found", `unable to prepare context: path ${JSON.stringify(context)} not found`);
  }
  await using stack = new AsyncDisposableStack();
  const received = stack.use(await receive(deps, context, options));
  if (received.dockerfileText !== undefined && (dockerfile !== undefined || options.graph !== undefined))
    throw new BerthError(
      "invalid-argument",
      "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles",
      { hint: "What came is a Dockerfile and no archive that could have another one in it." },
    );
  const text = options.dockerfileText ?? received.dockerfileText;
  const tree = directoryTree(received.path);
  const inside: ReadOptions = {
    ...options,
    locate: (path) => join(received.path, tree.resolve(path)),
    ...(text === undefined ? {} : { dockerfileText: text }),
  };
  const found = await read(received.path, inside, { isFile: false });
  const owned = stack.move();
  return { ...found, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A Dockerfile behind an address is read before the context, wherever that is. */
async function withFetchedDockerfile(options: ContextOptions): Promise<ContextOptions> {
  const { dockerfile, ...others } = options;
  if (dockerfile === undefined || options.dockerfileText !== undefined || !isRemote(dockerfile)) return options;
  const dockerfileText = await internalStep(options, "[internal] load remote build definition", () =>
    textOf(fetchRemote(dockerfile, { what: "the Dockerfile", ...options })),
  );
  return { ...others, dockerfileText };
}

async function receive(
  deps: ContextDeps,
  context: ContextOptions["context"],
  options: ContextOptions,
): Promise<StreamContext> {
  if (typeof context !== "string") return await receiveContext(deps, context, options);
  const reference = parseGitReference(context);
  if (reference !== undefined) {
    const { openGitContext } = await import("./git-context.ts");
    return await openGitContext(deps, { address: context, reference }, options);
  }
  return await internalStep(options, "[internal] load remote build context", () =>
    receiveContext(deps, fetchRemote(context, { what: "the build context", ...options }), options),
  );
}

interface ReadOptions extends Omit<ContextOptions, "context"> {
  /**
   * Where a file of a context that was received lies, by its path in it; as the paths are written when absent. As in BuildKit, what was
   * received is taken as it is: no ignore file counts.
   */
  readonly locate?: (path: string) => string;
}

async function read(
  root: string,
  options: ReadOptions,
  { isFile }: { readonly isFile: boolean },
): Promise<Omit<BuildContext, keyof AsyncDisposable>> {
  const { locate, graph } = options;
  const inRoot = locate ?? ((path: string) => join(root, path));
  if (graph !== undefined) return await readGraph(root, { ...options, graph }, inRoot);
  const named = options.dockerfile;
  const path = named === undefined ? defaultDockerfile(inRoot) : (locate?.(named) ?? named);
  const text = await internalStep(
    options,
    "[internal] load build definition from Dockerfile",
    async () => options.dockerfileText ?? readDockerfile(path, { root, inside: locate !== undefined }),
  );
  const ignore = await ignored(options, ignoreFiles(path, inRoot));
  const place = isFile && options.dockerfileText === undefined ? { path } : {};
  const dockerfile = { name: named ?? "Dockerfile", text, ...place };
  return { dockerfile, tree: directoryTree(root, openMatcher(ignore)), ignore };
}

/** The file that a graph comes from lies on this machine, wherever the context does. */
async function readGraph(
  root: string,
  options: ReadOptions & { readonly graph: BuildGraph },
  inRoot: (path: string) => string,
): Promise<Omit<BuildContext, keyof AsyncDisposable>> {
  const file = options.dockerfile ?? fileOfGraph(options.graph);
  const shown = file === undefined ? "a program" : basename(file);
  const source = await internalStep(options, `[internal] load build definition from ${shown}`, async () =>
    graphSource(file, shown),
  );
  const beside = source.path === undefined ? [] : [`${file}.dockerignore`];
  const ignore = await ignored(options, [...beside, inRoot(".dockerignore")]);
  return { dockerfile: source, tree: directoryTree(root, openMatcher(ignore)), ignore };
}

function graphSource(file: string | undefined, shown: string): DockerfileSource {
  const { size } = (file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })) ?? {};
  if (file === undefined || size === undefined) return { name: shown, text: "", language: "TypeScript" };
  // A program may be a bundle of any size: of a large one no lines are shown.
  const text = size > limits.dockerfile ? "" : readLimited(file);
  return { name: file, text, path: realpathSync(file), language: "TypeScript" };
}

async function ignored(options: ReadOptions, candidates: readonly string[]): Promise<readonly string[]> {
  if (options.locate !== undefined) return [];
  return await internalStep(options, "[internal] load .dockerignore", async () => readIgnore(candidates));
}

/** The tree of a named context, less what its own ignore file excludes. */
export function namedTree(directory: string): SourceTree {
  return directoryTree(directory, openMatcher(readIgnore([join(directory, ".dockerignore")])));
}

/** Where the ignore file of a directory may be, the first that is there counts: that of the Dockerfile's own name, the context's. */
export function ignoreFiles(dockerfile: string, inRoot: (name: string) => string): readonly string[] {
  return [`${dockerfile}.dockerignore`, inRoot(".dockerignore")];
}

/** What the ignore file of a directory says. @param dockerfile its path, where one is named */
export function ignoreOf(directory: string, dockerfile: string | undefined): readonly string[] {
  const inRoot = (name: string): string => join(directory, name);
  return readIgnore(ignoreFiles(dockerfile ?? defaultDockerfile(inRoot), inRoot));
}

/** As Docker's client: a lower-case name is taken where there is no other. */
export function defaultDockerfile(inRoot: (name: string) => string): string {
  const [usual = "", lower = ""] = ["Dockerfile", "dockerfile"].map(inRoot);
  return !existsSync(usual) && existsSync(lower) ? lower : usual;
}

/** @param inside where the context was received: it lies where nobody looks */
function readDockerfile(path: string, { root, inside }: { readonly root: string; readonly inside: boolean }): string {
  try {
    return readLimited(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    const shown = inside || dirname(path) === root ? relative(root, path) : path;
    throw new BerthError("not-found", `failed to read dockerfile: open ${shown}: no such file or directory`, {
      cause: error,
      hint: `There is no ${basename(path)} in ${inside ? "the context" : dirname(path)}; -f names another.`,
    });
  }
}

function readIgnore(candidates: readonly string[]): readonly string[] {
  const path = candidates.find((candidate) => existsSync(candidate));
  return path === undefined ? [] : parseIgnore(readLimited(path));
}

/** A Dockerfile or an ignore file. @throws {BerthError} invalid-argument, when it is too large */
export function readLimited(path: string): string {
  const { size } = statSync(path);
  if (size > limits.dockerfile) {
    throw new BerthError("invalid-argument", `${path} has ${size} bytes; ${limits.dockerfile} is the most`);
  }
  return readFileSync(path, "utf8");
}
