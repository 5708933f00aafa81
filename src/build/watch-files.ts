import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";

/** When a file changed last, milliseconds since 1970; zero for one that isn't there. */
export function changeTime(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ctimeMs ?? 0;
}

/**
 * Tell of each change of some files until disposed, and of those that have changed since they were read.
 *
 * @param files absolute paths, each with its {@link changeTime} when it was read
 */
export function watchFiles(files: ReadonlyMap<string, number>, onChange: (path: string) => void): Disposable {
  using stack = new DisposableStack();
  // Directories: an editor puts a new file in the place of the old one.
  for (const directory of new Set([...files.keys()].map(dirname))) {
    const watcher = watchDirectory(directory, (path) => {
      if (files.has(path)) onChange(path);
    });
    if (watcher !== undefined) stack.defer(() => watcher.close());
  }
  for (const [path, time] of files) if (changeTime(path) !== time) onChange(path);
  return stack.move();
}

/**
 * Tell of what changes in a directory, by its path.
 *
 * @returns undefined for one that isn't there
 * @throws {BerthError} failed-precondition, when the kernel gives no more watches
 */
export function watchDirectory(directory: string, onChange: (path: string) => void): FSWatcher | undefined {
  try {
    return watch(directory, (_, name) => onChange(join(directory, name ?? "")));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    if (codeOf(error) !== "ENOSPC" && codeOf(error) !== "EMFILE") throw error;
    throw new BerthError("failed-precondition", `${directory} can't be watched: the kernel gives no more watches`, {
      cause: error,
      hint: "Raise fs.inotify.max_user_watches or max_user_instances, or leave directories out with .dockerignore.",
    });
  }
}
