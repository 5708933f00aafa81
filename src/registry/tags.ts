import { BerthError } from "../base/errors.ts";
import { isObject } from "../base/json-object.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { jsonIn } from "../oci/image-index.ts";
import { pagesOf, tooMany } from "./pages.ts";
import { type Source, scopeOf } from "./source.ts";

/** Tags of a page. */
const pageSize = 1000;

/**
 * The tags of a repository: where a full page doesn't link to the next, what comes behind its last tag is asked for. A page that has
 * tags and no new one is the last; one without tags may link on, as where a registry filters what it gives.
 *
 * @throws {BerthError} data-loss, for an answer that is no list
 * @see distribution-spec v1.1 spec.md#listing-tags
 */
export async function* listTags(source: Source, { signal }: Operation = {}): AsyncGenerator<string> {
  const first = `${source.path}/tags/list?n=${pageSize}`;
  const seen = new Set<string>();
  const scopes = [scopeOf(source.path, "pull")];
  for await (const page of pagesOf(source, { method: "GET", target: first, scopes, signal })) {
    const tags = tagsIn(page.bytes);
    const fresh = new Set(tags).difference(seen);
    for (const tag of fresh) {
      if (seen.size === limits.tags) throw tooMany(`${limits.tags} tags`);
      seen.add(tag);
      yield tag;
    }
    if (fresh.size === 0 && tags.length > 0) return;
    if (fresh.size >= pageSize) page.next ??= `${first}&last=${encodeURIComponent([...fresh].at(-1) ?? "")}`;
  }
}

function tagsIn(bytes: Buffer): readonly string[] {
  const list = jsonIn(bytes);
  const tags = isObject(list) ? (list["tags"] ?? []) : undefined;
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string" && isTag(tag))) return tags;
  throw new BerthError("data-loss", "the registry's list of tags is none");
}

function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}
