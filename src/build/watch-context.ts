import { type FSWatcher, lstatSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { type ContextListing, listContext } from "./context-listing.ts";
import { watchDirectory } from "./watch-files.ts";

/** What is watched. */
export interface WatchedContext {
  /** Directory of the context. */
  readonly directory: string;
  /** Path of the Dockerfile; the context's when absent. */
  readonly dockerfile?: string;
  /** Paths that change without anybody asking for it: what the build itself writes. */
  readonly except: readonly string[];
}

/** A file that has changed. */
export interface ContextChange {
  /** Below the context, or absolute for a Dockerfile that is elsewhere. */
  readonly path: string;
  /** It is the Dockerfile or the ignore file: whatever was built of it may be built otherwise. Or it can't be said what it means. */
  readonly isDefinition: boolean;
  /** Why changes will be missed from now on. */
  readonly unwatched?: BerthError;
}

/**
 * Tell of each change of a file of a build context that the ignore file doesn't leave out, until disposed. What is left out isn't
 * looked at, so that a large directory of that kind costs nothing.
 *
 * @throws {BerthError} not-found, without the directory; failed-precondition, when the kernel gives no more watches
 */
export function watchContext(context: WatchedContext, onChange: (change: ContextChange) => void): Disposable {
  return new ContextWatch(context, onChange);
}

class ContextWatch implements Disposable {
  readonly #root: string;
  readonly #context: WatchedContext;
  readonly #definitions: ReadonlySet<string>;
  readonly #except: readonly string[];
  readonly #onChange: (change: ContextChange) => void;
  /** By the directory's absolute path. */
  readonly #watchers = new Map<string, FSWatcher>();
  #listing: ContextListing;

  constructor(context: WatchedContext, onChange: (change: ContextChange) => void) {
    this.#context = context;
    this.#root = resolve(context.directory);
    this.#onChange = onChange;
    this.#except = context.except.map((path) => resolve(path));
    this.#listing = listContext(this.#root, context.dockerfile);
    const dockerfiles =
      context.dockerfile === undefined ? this.#at("Dockerfile", "dockerfile") : [resolve(context.dockerfile)];
    const ignoreFiles = [...dockerfiles.map((path) => `${path}.dockerignore`), ...this.#at(".dockerignore")];
    this.#definitions = new Set([...dockerfiles, ...ignoreFiles]);
    try {
      for (const path of this.#definitions) this.#watch(dirname(path));
      this.#watchTree();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #at(...names: readonly string[]): readonly string[] {
    return names.map((name) => join(this.#root, name));
  }

  /** @param below path of a directory of the context */
  #watchTree(below = ""): void {
    this.#watch(join(this.#root, below));
    for (const path of this.#directoriesIn(below)) this.#watchTree(path);
  }

  /** None where it went away again: its parent tells of that. */
  #directoriesIn(directory: string): readonly string[] {
    try {
      return [...this.#listing.entriesIn(directory)].flatMap(({ path, kind }) => (kind === "dir" ? [path] : []));
    } catch (error) {
      if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
      throw error;
    }
  }

  #watch(directory: string): void {
    if (this.#watchers.has(directory) || this.#isOwn(directory)) return;
    const watcher = watchDirectory(directory, (path) => this.#changed(path));
    // One that went away again: its parent tells of that.
    if (watcher === undefined) return;
    watcher.on("error", () => this.#forget(directory));
    this.#watchers.set(directory, watcher);
  }

  #forget(directory: string): void {
    this.#watchers.get(directory)?.close();
    this.#watchers.delete(directory);
  }

  #changed(path: string): void {
    try {
      this.#look(path);
    } catch (error) {
      const change = { path: this.#shown(path), isDefinition: true };
      if (error instanceof BerthError && error.kind === "failed-precondition")
        this.#onChange({ ...change, unwatched: error });
      // A build says what is wrong: with the ignore file, or with what can't be read.
      else if (error instanceof BerthError || codeOf(error) !== undefined) this.#onChange(change);
      else throw error;
    }
  }

  #look(path: string): void {
    if (this.#definitions.has(path)) {
      if (basename(path).endsWith(".dockerignore")) this.#reopen();
      this.#onChange({ path: this.#shown(path), isDefinition: true });
      return;
    }
    const shown = this.#shown(path);
    if (shown === "" || shown.startsWith("/") || this.#isOwn(path)) return;
    const { excluded, inPart } = this.#listing.why(shown);
    if (excluded && !inPart) return;
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) this.#watchTree(shown);
    else this.#forget(path);
    this.#onChange({ path: shown, isDefinition: false });
  }

  /** Another ignore file may let in what wasn't watched. */
  #reopen(): void {
    this.#listing = listContext(this.#root, this.#context.dockerfile);
    this.#watchTree();
  }

  #isOwn(path: string): boolean {
    return this.#except.some((own) => path === own || path.startsWith(`${own}/`));
  }

  /** Below the context; absolute for what lies elsewhere. */
  #shown(path: string): string {
    const below = relative(this.#root, path);
    return below === ".." || below.startsWith("../") ? path : below;
  }
}
