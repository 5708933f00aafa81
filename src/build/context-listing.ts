import { existsSync, lstatSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { BerthError } from "../base/errors.ts";
import { type IgnoreLine, ignoreLines, openMatcher } from "../dockerfile/ignore.ts";
import type { EntryKind } from "../snapshot/merged-tree.ts";
import { defaultDockerfile, ignoreFiles, readLimited } from "./context.ts";
import { directoryTree } from "./source-tree.ts";

/** One file of a build context. */
export interface ContextEntry {
  /** Below the context, without a leading slash. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Bytes; 0 but for regular files. */
  readonly size: number;
}

/** Why a path is in a build context, or isn't. */
export interface ContextVerdict {
  /** Below the context. */
  readonly path: string;
  readonly exists: boolean;
  readonly excluded: boolean;
  /** The line that decides; undefined where none is about the path. */
  readonly line: IgnoreLine | undefined;
  /** It is a directory that is left out, and in part brought back. */
  readonly inPart: boolean;
}

/** A build context, and what its ignore file makes of it. */
export interface ContextListing {
  /** Path of the ignore file; undefined without one. */
  readonly ignoreFile: string | undefined;
  /** What a build can copy: each directory before its contents, names in order. */
  entries(): Iterable<ContextEntry>;
  /** What of that lies in one directory. @param path below the context; empty for the context itself */
  entriesIn(path: string): Iterable<ContextEntry>;
  /** @param path relative to the context, or absolute. @throws {BerthError} invalid-argument, outside of the context */
  why(path: string): ContextVerdict;
}

/**
 * Look at a directory as a build does. Nothing is read but the ignore file.
 *
 * @param dockerfile whose own ignore file (`NAME.dockerignore`) comes first; the context's when absent
 * @throws {BerthError} not-found, without the directory
 */
export function listContext(directory: string, dockerfile?: string): ContextListing {
  const root = resolve(directory);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new BerthError("not-found", `path ${JSON.stringify(directory)} not found`);
  const inRoot = (name: string): string => join(root, name);
  const ignoreFile = ignoreFiles(dockerfile ?? defaultDockerfile(inRoot), inRoot).find((path) => existsSync(path));
  const lines = ignoreFile === undefined ? [] : ignoreLines(readLimited(ignoreFile));
  const matcher = openMatcher(lines.map(({ pattern }) => pattern));
  const tree = directoryTree(root, matcher);
  function* entriesIn(directory: string): Generator<ContextEntry> {
    for (const { path, kind, stats } of tree.entries(`/${directory}`))
      yield { path: path.slice(1), kind, size: kind === "file" ? Number(stats.size) : 0 };
  }
  function* below(directory: string): Generator<ContextEntry> {
    for (const entry of entriesIn(directory)) {
      yield entry;
      if (entry.kind === "dir") yield* below(entry.path);
    }
  }
  return {
    ignoreFile,
    entries: () => below(""),
    entriesIn,
    why: (given) => {
      const path = relative(root, resolve(root, given)) || ".";
      if (path === ".." || path.startsWith("../"))
        throw new BerthError("invalid-argument", `${given} is outside of the build context`, {
          hint: `The context is ${root}.`,
        });
      const decided = matcher.decidedBy(path);
      const excluded = matcher.excludes(path);
      return {
        path,
        exists: lstatSync(join(root, path), { throwIfNoEntry: false }) !== undefined,
        excluded,
        line: decided === undefined ? undefined : lines[decided],
        inPart: excluded && tree.lstat(`/${path}`) !== undefined,
      };
    },
  };
}
