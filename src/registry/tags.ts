import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { jsonIn } from "../oci/image-index.ts";
import { pagesOf, tooMany } from "./pages.ts";
import { type Source, scopeOf } from "./source.ts";

/** Tags of a page. */
const pageSize = 1000;

/**
 * The tags of a repository: where a full page doesn't link to the next, what comes behind its last tag is asked for. A page that has
 * nothing new is the last.
 *
 * @see distribution-spec v1.1 spec.md#listing-tags
 */
export async function* listTags(source: Source, { signal }: Operation = {}): AsyncGenerator<string> {
  const first = `${source.path}/tags/list?n=${pageSize}`;
  const seen = new Set<string>();
  const scopes = [scopeOf(source.path, "pull")];
  for await (const page of pagesOf(source, { method: "GET", target: first, scopes, signal })) {
    const fresh = new Set(tagsIn(page.bytes)).difference(seen);
    for (const tag of fresh) {
      if (seen.size === limits.tags) throw tooMany(`${limits.tags} tags`);
      seen.add(tag);
      yield tag;
    }
    if (fresh.size === 0) return;
    if (fresh.size >= pageSize) page.next ??= `${first}&last=${encodeURIComponent([...fresh].at(-1) ?? "")}`;
  }
}

function tagsIn(bytes: Buffer): readonly string[] {
  const { tags } = (jsonIn(bytes) ?? {}) as Record<string, unknown>;
  if (tags === null || tags === undefined) return [];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string" && isTag(tag))) return tags;
  throw new BerthError("data-loss", "the registry's list of tags is none");
}

function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}
