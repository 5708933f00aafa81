import { realpathSync, statSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { BerthError } from "../../base/errors.ts";
import type { Operation } from "../../base/operation.ts";
import { exec } from "../../host/exec.ts";
import type { BuildOptions } from "../build.ts";
import type { DockerfileSource } from "../build-error.ts";
import { withoutCredentials } from "../redact.ts";

/** Most bytes that git may say. */
const mostOutput = 64 << 10;

/**
 * Where the files of a build come from, where that is the working tree of a git repository: `source` and `revision`, and the
 * directories in the tree. Nothing where it is none, or git isn't there or doesn't trust it.
 *
 * @param directories by name: `context`, `dockerfile`
 */
export async function versionControl(
  directories: Readonly<Record<string, string | undefined>>,
  operation: Operation,
): Promise<Readonly<Record<string, string>>> {
  const { context } = directories;
  if (context === undefined || process.env["BUILDX_GIT_INFO"] === "false" || process.env["BUILDX_GIT_INFO"] === "0")
    return {};
  const git = (...args: readonly string[]): Promise<string | undefined> => said(context, args, operation);
  const root = await git("rev-parse", "--show-toplevel");
  if (root === undefined || root === "") return {};
  const [revision, source] = [await git("rev-parse", "--verify", "HEAD"), await remote(git)];
  const places = Object.entries(directories).flatMap(([name, directory]) => {
    const place = directory === undefined ? ".." : relative(root, resolve(directory));
    return place.startsWith("..") ? [] : [[`localdir:${name}`, place === "" ? "." : place] as const];
  });
  return {
    ...Object.fromEntries(places),
    ...(revision === undefined || revision === "" ? {} : { revision }),
    ...(source === undefined || source === "" ? {} : { source: withoutCredentials(source) }),
  };
}

/** Where a build reads its files; nothing of what didn't come from this machine. */
export function directoriesOf(
  { context }: Pick<BuildOptions, "context">,
  { path }: DockerfileSource,
): Readonly<Record<string, string | undefined>> {
  if (typeof context !== "string" || statSync(context, { throwIfNoEntry: false })?.isDirectory() !== true) return {};
  return { context: realpathSync(context), dockerfile: path === undefined ? undefined : realpathSync(dirname(path)) };
}

/** Of the branch's own remote, or else of one that is usual. */
async function remote(git: (...args: readonly string[]) => Promise<string | undefined>): Promise<string | undefined> {
  const branch = await git("symbolic-ref", "--quiet", "--short", "HEAD");
  const own = branch === undefined ? undefined : await git("config", "--get", `branch.${branch}.remote`);
  for (const name of [own, "upstream", "origin"]) {
    const found = name === undefined || name === "" ? undefined : await git("config", "--get", `remote.${name}.url`);
    if (found !== undefined && found !== "") return found;
  }
  return undefined;
}

async function said(directory: string, args: readonly string[], { signal }: Operation): Promise<string | undefined> {
  try {
    const stop = signal === undefined ? {} : { signal };
    return (await exec(["git", "-C", directory, ...args], { ...stop, maxOutput: mostOutput })).stdout.trim();
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind === "canceled") throw error;
    return undefined;
  }
}
