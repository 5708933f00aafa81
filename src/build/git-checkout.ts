import { existsSync, lstatSync, lutimesSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path/posix";
import { setImmediate } from "node:timers/promises";
import { BerthError } from "../base/errors.ts";
import type { Git } from "./git-program.ts";
import { type GitReference, isCommit } from "./git-reference.ts";
import { withoutCredentials } from "./redact.ts";

/** What is checked out, and how. */
export type Checkout = Omit<GitReference, "isLikePath">;

/** What a reference means now. */
export interface ResolvedGit {
  /** The commit; of an annotated tag the one that it is of. */
  readonly commit: string;
  /** Whole name of the branch or tag; undefined where the commit itself was named. */
  readonly name: string | undefined;
}

/** Bytes of names in one commit: millions of files. A commit made of few objects may have files without end. */
const namesLimit = 256 << 20;

/**
 * Ask a repository what a reference is.
 *
 * @throws {BerthError} not-found, for what it hasn't; failed-precondition, when the commit isn't the one that it has to be
 */
export async function resolveGit(git: Git, reference: Checkout, directory: string): Promise<ResolvedGit> {
  const { ref, checksum, fetchByCommit = false } = reference;
  if (isCommit(ref)) {
    if (checksum !== undefined && !ref.startsWith(checksum)) throw mismatch(checksum, ref);
    return { commit: ref, name: undefined };
  }
  if (fetchByCommit) return { commit: pinned(checksum), name: fullName(ref) };
  const wanted = ref === "" ? await defaultBranch(git, directory) : ref;
  if (isCommit(wanted)) return { commit: wanted, name: undefined };
  const listed = await git.run(directory, ["ls-remote", "--", git.remote, wanted, `${wanted}^{}`]);
  const refs = new Map(
    listed.split("\n").map((line) => {
      const [commit = "", name = ""] = line.split("\t");
      return [name, commit] as const;
    }),
  );
  const name = namesOf(wanted).find((candidate) => refs.has(candidate));
  const found = name === undefined ? undefined : refs.get(name);
  if (found === undefined || !isCommit(found))
    throw new BerthError("not-found", `repository does not contain ref ${wanted}, output: ${JSON.stringify(listed)}`);
  const commit = refs.get(`${name}^{}`) ?? found;
  if (checksum !== undefined && !found.startsWith(checksum) && !commit.startsWith(checksum))
    throw mismatch(checksum, found);
  return { commit, name };
}

/** A name is one below `refs/`, a branch, or a tag: the first that is there. */
function namesOf(ref: string): readonly string[] {
  return [`refs/${ref.replace(/^refs\//, "")}`, `refs/heads/${ref}`, `refs/tags/${ref}`];
}

function fullName(ref: string): string | undefined {
  if (ref === "") return undefined;
  return ref.startsWith("refs/") ? ref : `refs/heads/${ref}`;
}

function pinned(checksum: string | undefined): string {
  if (checksum === undefined)
    throw new BerthError("invalid-argument", "fetch-by-commit requires a checksum or a commit SHA ref");
  if (isCommit(checksum)) return checksum;
  const message = `fetch-by-commit requires a full commit SHA checksum, got ${JSON.stringify(checksum)}`;
  throw new BerthError("invalid-argument", message);
}

function mismatch(checksum: string, found: string): BerthError {
  return new BerthError("failed-precondition", `expected checksum to match ${checksum}, got ${found}`);
}

/** The branch of a repository's HEAD; its commit, where the server doesn't tell of a branch. */
async function defaultBranch(git: Git, directory: string): Promise<string> {
  const said = await git.run(directory, ["ls-remote", "--symref", "--", git.remote, "HEAD"]);
  const branch = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(said)?.[1] ?? /^(\S+)\tHEAD$/m.exec(said)?.[1];
  if (branch !== undefined) return branch;
  const message = `could not find default branch for repository: ${withoutCredentials(git.remote)}`;
  throw new BerthError("not-found", message);
}

/**
 * Fetch a commit and write its files below `directory`.
 *
 * @returns where the files that are wanted lie; with `.git` where that is to be kept
 * @throws {BerthError} not-found, without the directory of the repository that is asked for
 */
export async function checkOut(
  git: Git,
  reference: Checkout,
  { commit, name, directory }: ResolvedGit & { readonly directory: string },
): Promise<string> {
  const tree = join(directory, "tree");
  mkdirSync(tree, { mode: 0o755 });
  const format = commit.length === 64 ? ["--object-format=sha256"] : [];
  await git.run(tree, ["init", "-q", ...format]);
  const isByCommit = reference.fetchByCommit === true;
  await fetchCommit(git, tree, { commit, name: isByCommit ? undefined : name });
  if (isByCommit && name !== undefined) await git.run(tree, ["update-ref", "--", name, commit]);
  await git.run(tree, ["ls-tree", "-r", "-z", "--name-only", commit], { maxOutput: namesLimit });
  await git.run(tree, ["checkout", "-q", "--force", "--detach", commit]);
  if (reference.submodules !== false && existsSync(join(tree, ".gitmodules"))) await updateSubmodules(git, tree);
  const time = reference.commitTime === true ? await git.run(tree, ["log", "-1", "--format=%ct", commit]) : undefined;
  const keeps = reference.keepGitDir === true && reference.subdir === "";
  if (keeps) await finishRepository(git, tree);
  else removeGit(tree);
  const wanted = subdirectory(tree, reference.subdir);
  if (time !== undefined) await setTimes(wanted, Math.min(Math.max(0, Number(time)), latestTime));
  return wanted;
}

/** What servers say that know nothing of shallow copies, or give no commit but those of names. */
const notSo = /shallow|--depth|not our ref|unadvertised object|does not allow request/;

async function fetchCommit(git: Git, tree: string, { commit, name }: ResolvedGit): Promise<void> {
  const wanted = name === undefined ? commit : `+${name}:${name}`;
  const usual = ["fetch", "-q", "-u", "--no-tags"];
  try {
    await git.run(tree, [...usual, "--depth=1", "--", git.remote, wanted]);
    if (await has(git, tree, commit)) return;
  } catch (error) {
    if (!(error instanceof BerthError) || !notSo.test(error.message)) throw error;
  }
  const all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
  const named = name === undefined ? [] : [`+${name}:${name}`];
  const unshallow = existsSync(join(tree, ".git/shallow")) ? ["--unshallow"] : [];
  await git.run(tree, [...usual, ...unshallow, "--", git.remote, ...named, ...all]);
  if (await has(git, tree, commit)) return;
  throw new BerthError("not-found", `failed to fetch remote ${git.remote}: commit ${commit} is not in the repository`);
}

async function has(git: Git, tree: string, commit: string): Promise<boolean> {
  try {
    await git.run(tree, ["cat-file", "-e", `${commit}^{commit}`]);
    return true;
  } catch (error) {
    if (error instanceof BerthError && error.kind === "unavailable") return false;
    throw error;
  }
}

async function updateSubmodules(git: Git, tree: string): Promise<void> {
  // Their addresses may be relative to the repository's.
  await git.run(tree, ["remote", "add", "origin", git.remote]);
  const update = ["submodule", "--quiet", "update", "--init", "--recursive"];
  try {
    await git.run(tree, [...update, "--depth=1"]);
  } catch (error) {
    if (!(error instanceof BerthError) || !notSo.test(error.message)) throw error;
    await git.run(tree, update);
  }
}

async function finishRepository(git: Git, tree: string): Promise<void> {
  const remotes = await git.run(tree, ["remote"]);
  if (remotes.trim() === "") await git.run(tree, ["remote", "add", "origin", git.remote]);
  rmSync(join(tree, ".git/FETCH_HEAD"), { force: true });
}

/** Delete what git keeps for itself, that of submodules included: a file that says where it is. */
function removeGit(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.name === ".git") rmSync(path, { recursive: true });
    else if (entry.isDirectory()) removeGit(path);
  }
}

/** A directory of the checkout that no link leads to. */
function subdirectory(tree: string, path: string): string {
  let directory = tree;
  for (const part of path.split("/").filter((name) => name !== "")) {
    directory = join(directory, part);
    if (part === ".git" || lstatSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new BerthError("not-found", `failed to open subdir ${path}: ${part} is no directory of the repository`);
  }
  return directory;
}

/** Seconds: a commit says what it likes, and file systems end somewhere. */
const latestTime = 2 ** 33;

/** Files after which others get a turn. */
const turn = 1000;

/** Give everything the time of the commit, directories after what is in them. @param time seconds */
async function setTimes(directory: string, time: number): Promise<void> {
  let count = 0;
  const walk = async (path: string): Promise<void> => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) await walk(child);
      else lutimesSync(child, time, time);
      if (++count % turn === 0) await setImmediate();
    }
    lutimesSync(path, time, time);
  };
  await walk(directory);
}
