import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { type Matcher, openMatcher, parseIgnore } from "../dockerfile/ignore.ts";
import type { DockerfileSource } from "./build-error.ts";
import { internalStep } from "./progress.ts";
import { directoryTree, type SourceTree } from "./source-tree.ts";
import { type ReceiveDeps, receiveContext } from "./stream-context.ts";

/** What a build reads. Disposing deletes what came as a stream. */
export interface BuildContext extends AsyncDisposable {
  readonly dockerfile: DockerfileSource;
  readonly tree: SourceTree;
}

/** Where a build reads. */
export interface ContextOptions extends Operation {
  readonly context: string | AsyncIterable<Uint8Array>;
  readonly dockerfile?: string;
  readonly dockerfileText?: string;
}

/**
 * Open a context: read its Dockerfile and its ignore file.
 *
 * @throws {BerthError} not-found, when the directory or the Dockerfile isn't there, with Docker's texts
 */
export async function openContext(deps: ReceiveDeps, options: ContextOptions): Promise<BuildContext> {
  const { context, dockerfile, dockerfileText } = options;
  if (typeof context === "string") {
    const root = resolve(context);
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new BerthError("not-found", `unable to prepare context: path ${JSON.stringify(context)} not found`);
    return { ...(await read(root, options)), [Symbol.asyncDispose]: async () => undefined };
  }
  await using stack = new AsyncDisposableStack();
  const received = stack.use(await receiveContext(deps, context, options));
  const text = dockerfileText ?? received.dockerfileText;
  const found = await read(received.path, {
    ...options,
    ...(dockerfile === undefined ? {} : { dockerfile: join(received.path, dockerfile) }),
    ...(text === undefined ? {} : { dockerfileText: text }),
  });
  const owned = stack.move();
  return { ...found, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function read(
  root: string,
  options: Omit<ContextOptions, "context">,
): Promise<Pick<BuildContext, "dockerfile" | "tree">> {
  const path = options.dockerfile ?? defaultDockerfile(root);
  const text = await internalStep(
    options,
    "[internal] load build definition from Dockerfile",
    async () => options.dockerfileText ?? readDockerfile(path, root),
  );
  const ignore = await internalStep(options, "[internal] load .dockerignore", async () => readIgnore(root, path));
  return { dockerfile: { name: options.dockerfile ?? "Dockerfile", text }, tree: directoryTree(root, ignore) };
}

/** As Docker's client: a lower-case name is taken where there is no other. */
function defaultDockerfile(root: string): string {
  const [usual = "", lower = ""] = ["Dockerfile", "dockerfile"].map((name) => join(root, name));
  return !existsSync(usual) && existsSync(lower) ? lower : usual;
}

function readDockerfile(path: string, root: string): string {
  try {
    return readLimited(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
    const shown = dirname(path) === root ? basename(path) : path;
    throw new BerthError("not-found", `failed to read dockerfile: open ${shown}: no such file or directory`, {
      cause: error,
      hint: `There is no ${basename(path)} in ${dirname(path)}; -f names another.`,
    });
  }
}

/** The ignore file of the Dockerfile's own name comes before the context's. */
function readIgnore(root: string, dockerfile: string): Matcher {
  const path = [`${dockerfile}.dockerignore`, join(root, ".dockerignore")].find((candidate) => existsSync(candidate));
  return openMatcher(path === undefined ? [] : parseIgnore(readLimited(path)));
}

function readLimited(path: string): string {
  const { size } = statSync(path);
  if (size > limits.dockerfile) {
    throw new BerthError("invalid-argument", `${path} has ${size} bytes; ${limits.dockerfile} is the most`);
  }
  return readFileSync(path, "utf8");
}
