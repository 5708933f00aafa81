import type { ByteString } from "../archive/byte-string.ts";
import { type Difference, differences, type ManifestEntry, observe } from "../archive/manifest.ts";
import { isBefore } from "../archive/walk.ts";
import type { Syscalls } from "../host/syscalls.ts";

/** A layer's directory and what it held when it was committed. */
export interface KnownTree {
  readonly directory: string;
  /** In the order of a walk, to be gone through as often as needed. */
  readonly manifest: Iterable<ManifestEntry>;
}

/** Every file of a directory that is not as its manifest says. @param quick pass over the contents of files that have their size */
export async function compareLayer(
  syscalls: Syscalls,
  { directory, manifest }: KnownTree,
  quick: boolean = false,
): Promise<readonly Difference[]> {
  const known = new KnownFiles(manifest);
  const sum = (path: string, size: number): number | undefined => {
    const expected = known.at(path);
    if (expected?.kind !== "file") return 0;
    // What has another size has another content.
    return quick || expected.size !== size ? expected.crc : undefined;
  };
  const found: Difference[] = [];
  for await (const entry of observe(directory, { syscalls, sum })) {
    const { path } = entry;
    const expected = known.take(path);
    if (expected === undefined) {
      found.push({ path, what: "not part of the layer", expected, found: entry });
      continue;
    }
    const what = differences(expected, entry);
    if (what.length > 0) found.push({ path, what: what.join(", "), expected, found: entry });
  }
  const missing = known.rest().map((expected) => ({
    path: expected.path,
    what: "missing",
    expected,
    found: undefined,
  }));
  return [...found, ...missing];
}

/** The entries of a manifest, asked for in their order, so that only one of them is in memory. */
class KnownFiles {
  readonly #entries: Iterator<ManifestEntry>;
  /** The first that was neither taken nor passed over. */
  #next: ManifestEntry | undefined;
  readonly #passedOver: ManifestEntry[] = [];

  constructor(entries: Iterable<ManifestEntry>) {
    this.#entries = entries[Symbol.iterator]();
    this.#advance();
  }

  /** The entry of that path. Those before it are passed over. */
  at(path: ByteString): ManifestEntry | undefined {
    while (this.#next !== undefined && this.#next.path !== path && isBefore(this.#next.path, path)) {
      this.#passedOver.push(this.#next);
      this.#advance();
    }
    return this.#next?.path === path ? this.#next : undefined;
  }

  take(path: ByteString): ManifestEntry | undefined {
    const entry = this.at(path);
    if (entry !== undefined) this.#advance();
    return entry;
  }

  /** All that weren't taken. */
  rest(): readonly ManifestEntry[] {
    for (; this.#next !== undefined; this.#advance()) this.#passedOver.push(this.#next);
    return this.#passedOver;
  }

  #advance(): void {
    const { done, value } = this.#entries.next();
    this.#next = done === true ? undefined : value;
  }
}
