import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { jsonIn } from "../oci/image-index.ts";
import { wholeBody } from "./body.ts";
import type { Endpoint } from "./endpoint.ts";
import { shown } from "./refusal.ts";

/** A repository that a search found. */
export interface SearchResult {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

/** What is searched for. */
export interface SearchQuery {
  readonly term: string;
  /** Most results, from 1 to 100. */
  readonly limit: number;
}

/** Where Docker Hub is searched. */
export const dockerHubIndex: URL = new URL("https://index.docker.io/");

/**
 * Search a registry that has Docker Hub's old index.
 *
 * @throws {BerthError} unavailable, in Docker's words, when it has none; data-loss, for an answer that is no list
 * @see moby daemon/pkg/registry/search_session.go
 */
export async function searchIndex(
  endpoint: Endpoint,
  { term, limit }: SearchQuery,
  { signal }: Operation = {},
): Promise<readonly SearchResult[]> {
  const target = new URL(`v1/search?q=${encodeURIComponent(term)}&n=${limit}`, endpoint.base);
  const headers = { "X-Docker-Token": "true" };
  const accepts = (status: number): boolean => status >= 300 && status < 500 && status !== 429;
  const response = await endpoint.send({
    method: "GET",
    target,
    headers,
    scopes: ["registry:catalog:search"],
    accepts,
    signal,
  });
  if (response.status !== 200) {
    response.discard();
    throw new BerthError("unavailable", `Unexpected status code ${response.status}`, {
      hint: "Few registries can be searched: `berth ls-tags` lists the tags of a repository.",
    });
  }
  const { results } = (jsonIn(await wholeBody(response, limits.json)) ?? {}) as Record<string, unknown>;
  if (!Array.isArray(results)) throw new BerthError("data-loss", "the registry's answer to the search is no list");
  return results.slice(0, limit).map(resultOf);
}

function resultOf(value: unknown): SearchResult {
  const { name, description, star_count: stars, is_official: official } = (value ?? {}) as Record<string, unknown>;
  return {
    name: typeof name === "string" ? shown(name) : "",
    description: typeof description === "string" ? shown(description) : "",
    stars: typeof stars === "number" ? stars : 0,
    isOfficial: official === true,
  };
}
