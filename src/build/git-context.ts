import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { openBuildCache } from "./cache.ts";
import { planGit } from "./git-op.ts";
import type { GitAccess } from "./git-program.ts";
import type { GitReference } from "./git-reference.ts";
import type { OpDeps } from "./op-deps.ts";
import { internalStep } from "./progress.ts";
import { withoutCredentials } from "./redact.ts";
import { openAgents, type SshSource } from "./ssh-agent.ts";
import type { StreamContext } from "./stream-context.ts";

/** What a build context out of git is opened with. */
export interface GitContextOptions extends Operation, Pick<GitAccess, "secrets"> {
  readonly ssh?: readonly SshSource[];
  readonly buildArgs?: Readonly<Record<string, string>>;
}

/**
 * A build context out of a git repository: a layer of the store, kept in the build cache by its commit, and held until it is disposed.
 *
 * @throws {BerthError} as `planGit`
 */
export async function openGitContext(
  deps: OpDeps,
  { address, reference }: { readonly address: string; readonly reference: GitReference },
  options: GitContextOptions,
): Promise<StreamContext> {
  const { snapshotter, db, host } = deps;
  const { isLikePath: _, ...wanted } = reference;
  const { buildArgs = {}, secrets, ssh, signal = new AbortController().signal, report } = options;
  const keeps = isTrue(buildArgs["BUILDKIT_CONTEXT_KEEP_GIT_DIR"]);
  // Files of a time that a build is pinned to are no younger than their commit.
  const isPinned = (buildArgs["SOURCE_DATE_EPOCH"] ?? "") !== "";
  const op = {
    ...{ kind: "git" as const, ...wanted },
    ...(keeps ? { keepGitDir: true } : {}),
    ...(isPinned ? { commitTime: true } : {}),
  };
  const name = `[internal] load git source ${withoutCredentials(address)}`;
  const chainID = await internalStep(options, name, async () => {
    const agents = ssh === undefined ? {} : { agents: openAgents(ssh) };
    const access = { ...agents, ...(secrets === undefined ? {} : { secrets }) };
    const work = planGit({ snapshotter, host, signal, ...access }, op);
    const cache = openBuildCache(db, (known) => snapshotter.find(known) !== undefined);
    const [makeKey] = work.keys;
    if (makeKey === undefined) throw new Error("a checkout has no key");
    const key = await makeKey();
    const known = cache.find(key);
    const made = known?.chainID ?? (await work.run({ signal, ...(report === undefined ? {} : { report }) })).chainID;
    if (made === undefined) throw new Error("a checkout has no layer");
    await snapshotter.flush();
    await cache.save([known ?? { key, chainID: made, created: new Date().toISOString(), name }]);
    return made;
  });
  // What lies on a layer holds it.
  const holder = await snapshotter.prepare(`build-${randomID()}`, chainID);
  const [path] = snapshotter.directories(chainID);
  if (path === undefined) throw new BerthError("not-found", `the files of ${withoutCredentials(address)} are gone`);
  return { path, [Symbol.asyncDispose]: () => holder[Symbol.asyncDispose]() };
}

/** As Go reads a truth value; false for what is none. */
function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(1|t|T|TRUE|true|True)$/.test(text);
}
