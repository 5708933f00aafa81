import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, isImageEntry, kindOf } from "../oci/image-index.ts";
import { hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import { choose, runsOn } from "../oci/platform-choice.ts";
import type { RemoteManifest } from "./repository.ts";
import { readEntries } from "./tree.ts";

/** An entry of an index, for a platform. */
export interface ChosenEntry {
  readonly entry: Descriptor;
  /** True for one that is an entry of an index in the index. */
  readonly isNested: boolean;
}

/** Fetches a manifest or an index that a descriptor names. */
export type FetchManifest = (descriptor: Descriptor) => Promise<RemoteManifest>;

/**
 * The entry of an index for a platform: the one asked for, or this machine's; also through indexes in the index.
 *
 * @throws {BerthError} not-found, in Docker's words; invalid-argument, for what is no index
 */
export async function chooseEntry(
  fetch: FetchManifest,
  root: RemoteManifest,
  wanted: Platform | undefined,
): Promise<ChosenEntry> {
  return await new IndexReader(fetch, wanted).entry(root);
}

class IndexReader {
  readonly #fetch: FetchManifest;
  readonly #wanted: Platform | undefined;
  #manifests = 0;
  /** Inner indexes: one that comes again has nothing new. */
  readonly #seen: Set<string> = new Set();

  constructor(fetch: FetchManifest, wanted: Platform | undefined) {
    this.#fetch = fetch;
    this.#wanted = wanted;
  }

  async entry(root: RemoteManifest): Promise<ChosenEntry> {
    const entries = await this.#entries(root, []);
    const placed = entries.flatMap((each) => (each.entry.platform ? [{ ...each, platform: each.entry.platform }] : []));
    const best = choose(this.#wanted, placed, ({ platform }) => platform);
    // What says nothing of its platform may be for any.
    const chosen = best ?? entries.find(({ entry }) => !entry.platform);
    if (chosen !== undefined) return chosen;
    throw noMatch(
      this.#wanted,
      placed.map(({ platform }) => platform),
    );
  }

  async #entries(index: RemoteManifest, above: readonly Digest[]): Promise<readonly ChosenEntry[]> {
    const { digest } = index.descriptor;
    const descriptors = readEntries(index);
    if (above.length === limits.indexDepth) {
      throw new BerthError("invalid-argument", `indexes are nested deeper than ${limits.indexDepth}: ${digest}`);
    }
    const found: ChosenEntry[] = [];
    for (const entry of descriptors.filter(isImageEntry)) {
      if (++this.#manifests > limits.manifests) throw tooMany();
      const kind = kindOf(entry);
      if (kind === "manifest") found.push({ entry, isNested: above.length > 0 });
      if (kind === "index" && this.#mayFit(entry) && !this.#seen.has(entry.digest)) {
        this.#seen.add(entry.digest);
        found.push(...(await this.#entries(await this.#fetch(entry), [...above, digest])));
      }
    }
    return found;
  }

  /** Whether an inner index is worth asking for. */
  #mayFit({ platform }: Descriptor): boolean {
    return !platform || runsOn(this.#wanted, platform);
  }
}

function tooMany(): BerthError {
  return new BerthError("invalid-argument", `an index has more than ${limits.manifests} manifests`);
}

/** @see moby distribution/pull_v2.go `noMatchesErr` */
function noMatch(wanted: Platform | undefined, there: readonly Platform[]): BerthError {
  const { architecture } = hostPlatform;
  const own = architecture === "arm64" ? { ...hostPlatform, variant: "v8" } : hostPlatform;
  const names = [...new Set(there.map(platformText))].join(", ");
  return new BerthError(
    "not-found",
    `no matching manifest for ${platformText(wanted ?? own)} in the manifest list entries`,
    {
      hint: names === "" ? "The index names no image." : `It is there for ${names}: --platform asks for one of these.`,
    },
  );
}
