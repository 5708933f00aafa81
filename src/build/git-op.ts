import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Host } from "../host/host.ts";
import { digestOf } from "../oci/digest.ts";
import { checkOut, type ResolvedGit, resolveGit } from "./git-checkout.ts";
import { type GitAccess, openGit } from "./git-program.ts";
import type { GitOp } from "./graph.ts";
import type { OpDeps } from "./op-deps.ts";
import { withoutCredentials } from "./redact.ts";
import type { Work } from "./solve.ts";

/** What checkouts work with. */
export interface GitDeps extends Pick<OpDeps, "snapshotter">, GitAccess {
  readonly host: Pick<Host, "syscalls" | "runRoot">;
  /** Told of what the reference is. */
  readonly onResolved?: (found: ResolvedGit) => void;
  /** Ends asking what a reference is. */
  readonly signal?: AbortSignal;
}

/** The work of `ADD` from a git repository: a layer with the files of a commit, known by the commit wherever it comes from. */
export function planGit(deps: GitDeps, op: GitOp): Work {
  let resolving: Promise<ResolvedGit> | undefined;
  const resolved = (): Promise<ResolvedGit> => {
    resolving ??= resolve(deps, op);
    return resolving;
  };
  return {
    keys: [
      async () => {
        const found = await resolved();
        deps.onResolved?.(found);
        return keyOf(op, found);
      },
    ],
    run: async ({ signal }) => {
      await using scratch = await deps.snapshotter.scratch();
      const directory = scratch.path;
      await using git = await openGit({ ...access(deps), reference: op, directory, signal });
      const files = await checkOut(git, op, { ...(await resolved()), directory });
      await using snapshot = await deps.snapshotter.prepare(`build-${randomID()}`, undefined);
      for (const name of readdirSync(files)) renameSync(join(files, name), join(snapshot.upper, name));
      return { chainID: (await snapshot.commit({ signal })).chainID };
    },
  };
}

async function resolve(deps: GitDeps, op: GitOp): Promise<ResolvedGit> {
  try {
    await using scratch = await deps.snapshotter.scratch();
    const { signal } = deps;
    await using git = await openGit({ ...access(deps), reference: op, directory: scratch.path, signal });
    return await resolveGit(git, op, scratch.path);
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind === "canceled") throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new BerthError(error.kind, `failed to load cache key: ${error.message}`, { cause: error, ...hint });
  }
}

function access({ host, secrets, agents }: GitDeps): Pick<GitDeps, "host" | keyof GitAccess> {
  return { host, ...(secrets === undefined ? {} : { secrets }), ...(agents === undefined ? {} : { agents }) };
}

/** The commit says what the files are; a repository that is kept says more. */
function keyOf({ remote, subdir, keepGitDir, submodules, commitTime }: GitOp, { commit, name }: ResolvedGit): string {
  const kept = keepGitDir === true && subdir === "" ? [withoutCredentials(remote), name] : undefined;
  return digestOf(JSON.stringify(["git", commit, subdir, submodules !== false, commitTime === true, kept]));
}
