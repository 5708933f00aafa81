import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import type { SpecMount } from "../oci/runtime-spec.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";

/** Make what is to be mounted on, below the directory `init`: it lies under a step's changes, and so never in its layer. */
export function makeMountPoints(tree: MergedTree, init: string, mounts: readonly SpecMount[]): void {
  for (const { destination, type, source } of mounts) {
    const path = join(init, tree.resolve(destination));
    const isDirectory = type !== "bind" || statSync(source).isDirectory();
    mkdirSync(isDirectory ? path : dirname(path), { recursive: true, mode: 0o755 });
    if (!isDirectory) writeFileSync(path, "", { mode: 0o644 });
  }
}
