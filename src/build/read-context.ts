import { dirname } from "node:path/posix";
import type { SourceTree } from "./source-tree.ts";

/** Remembers what of a build context a build has looked at. */
export class ContextReads {
  readonly #files = new Set<string>();
  readonly #listed = new Set<string>();

  /** The same tree; what is asked of it is remembered. */
  observe(tree: SourceTree): SourceTree {
    const [files, listed] = [this.#files, this.#listed];
    function* entries(path: string): Iterable<ReturnType<SourceTree["entries"]> extends Iterable<infer E> ? E : never> {
      listed.add(path);
      for (const entry of tree.entries(path)) {
        files.add(entry.path);
        yield entry;
      }
    }
    return {
      entries,
      lstat: (path) => {
        files.add(path);
        return tree.lstat(path);
      },
      resolve: (path) => {
        // A link on the way leads elsewhere when it changes.
        for (let part = path; part !== "/" && part !== "."; part = dirname(part)) files.add(part);
        const resolved = tree.resolve(path);
        files.add(resolved);
        return resolved;
      },
    };
  }

  /** Whether a change of a file may change what the build comes to. @param path below the context, without a leading slash */
  concerns(path: string): boolean {
    const absolute = `/${path}`;
    return this.#files.has(absolute) || this.#listed.has(dirname(absolute));
  }
}
