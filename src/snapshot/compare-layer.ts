import { type Difference, differences, type ManifestEntry, observe } from "../archive/manifest.ts";
import type { Syscalls } from "../host/syscalls.ts";

/** A layer's directory and what it held when it was committed. */
export interface KnownTree {
  readonly directory: string;
  readonly manifest: readonly ManifestEntry[];
}

/** Every file of a directory that is not as its manifest says. @param quick pass over the contents of files that have their size */
export async function compareLayer(
  syscalls: Syscalls,
  { directory, manifest }: KnownTree,
  quick: boolean = false,
): Promise<readonly Difference[]> {
  const left = new Map(manifest.map((entry) => [entry.path, entry]));
  const sum = (path: string, size: number): number | undefined => {
    const known = left.get(path);
    if (known?.kind !== "file") return 0;
    // What has another size has another content.
    return quick || known.size !== size ? known.crc : undefined;
  };
  const found: Difference[] = [];
  for await (const entry of observe(directory, { syscalls, sum })) {
    const { path } = entry;
    const expected = left.get(path);
    left.delete(path);
    if (expected === undefined) {
      found.push({ path, what: "not part of the layer", expected, found: entry });
      continue;
    }
    const what = differences(expected, entry);
    if (what.length > 0) found.push({ path, what: what.join(", "), expected, found: entry });
  }
  const missing = [...left.values()].map((expected) => ({
    path: expected.path,
    what: "missing",
    expected,
    found: undefined,
  }));
  return [...found, ...missing];
}
