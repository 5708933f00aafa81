import { cachedTags, type RepositoryName } from "../image/cache-records.ts";
import type { Digest } from "../oci/digest.ts";
import { fullName } from "../oci/reference.ts";
import type { TypedDescriptor } from "../registry/repository.ts";
import type { ServingDeps } from "./deps.ts";
import type { Page } from "./route.ts";
import type { Answer, Upstreams } from "./upstream.ts";

/** Lists that are remembered. */
const mostRemembered = 1_000;
/** Tags of a repository, more than any has. */
const mostTags = 1_000_000;

/** What repositories have, by lists that are remembered for a while. */
export interface Lists {
  /** The tags of a repository, in lexical order. */
  tags(name: RepositoryName): Promise<Answer<readonly string[]>>;
  /** Manifests whose `subject` is `digest`. */
  referrers(
    name: RepositoryName,
    digest: Digest,
    artifactType: string | undefined,
  ): Promise<Answer<readonly TypedDescriptor[]>>;
}

/** @param options `ttl`: milliseconds after which a registry is asked again */
export function openLists(
  deps: ServingDeps,
  { upstreams, ttl }: { readonly upstreams: Upstreams; readonly ttl: number },
): Lists {
  const remembered = new Map<string, { readonly value: unknown; readonly asked: number }>();
  const remember = (key: string, value: unknown): void => {
    remembered.delete(key);
    remembered.set(key, { value, asked: Date.now() });
    const oldest = remembered.keys().next().value;
    if (remembered.size > mostRemembered && oldest !== undefined) remembered.delete(oldest);
  };
  const listed = async <T>(
    { domain, key, otherwise }: { readonly domain: string; readonly key: string; readonly otherwise: T | undefined },
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<Answer<T>> => {
    const last = remembered.get(key);
    // The key says what type the list has.
    const known = last === undefined ? otherwise : (last.value as T);
    const age = last === undefined ? Number.POSITIVE_INFINITY : Date.now() - last.asked;
    if (known !== undefined && age >= 0 && age < ttl) return { value: known, isStale: false };
    const answer = await upstreams.answer({ domain, key, known, ask });
    if (!answer.isStale) remember(key, answer.value);
    return answer;
  };
  return {
    tags: (name) => {
      const cached = deps.db.read((sql) => cachedTags(sql, name));
      const otherwise = cached.length === 0 ? undefined : cached;
      const key = `tags of ${fullName(name)}`;
      return listed({ domain: name.domain, key, otherwise }, async (signal) => {
        const tags: string[] = [];
        for await (const tag of deps.registries.repository(name).tags({ signal })) {
          if (tags.push(tag) === mostTags) break;
        }
        return tags.toSorted();
      });
    },
    referrers: (name, digest, artifactType) => {
      const key = `referrers of ${fullName({ ...name, digest })} ${artifactType ?? ""}`;
      return listed({ domain: name.domain, key, otherwise: undefined }, async (signal) => {
        const options = artifactType === undefined ? { signal } : { signal, artifactType };
        return await deps.registries.repository(name).referrers(digest, options);
      });
    },
  };
}

/** A page of a list in lexical order, and whether there is more. @see distribution-spec v1.1 spec.md#listing-tags */
export function pageIn(
  list: readonly string[],
  { n, last }: Page,
): { readonly page: readonly string[]; readonly hasMore: boolean } {
  const behind = last === undefined ? list : list.filter((each) => each > last);
  const page = n === undefined ? behind : behind.slice(0, n);
  return { page, hasMore: page.length < behind.length };
}
