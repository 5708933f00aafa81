import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { wholeBody } from "./body.ts";
import type { HttpResponse } from "./connection.ts";
import type { EndpointRequest } from "./endpoint.ts";
import type { Source } from "./source.ts";

/** A page of a list. */
export interface Page {
  readonly response: HttpResponse;
  /** The whole body. */
  readonly bytes: Buffer;
  /** Ask for another page than the one that the registry links to; that there is none more when undefined. */
  next: string | URL | undefined;
}

/** The pages of a list. Each links to the next; what was asked for before ends them. @see distribution-spec v1.1 spec.md#listing-tags, RFC 8288 */
export async function* pagesOf({ endpoint }: Source, first: EndpointRequest): AsyncGenerator<Page> {
  let target: string | URL | undefined = first.target;
  const asked = new Set<string>();
  while (target !== undefined && !asked.has(String(target))) {
    if (asked.size === limits.pages) throw tooMany(`${limits.pages} pages`);
    asked.add(String(target));
    const response: HttpResponse = await endpoint.send({ ...first, target });
    const page: Page = { response, bytes: await wholeBody(response, limits.json), next: linked(response) };
    yield page;
    target = page.next;
  }
}

/** @param most what a list may have, as `10 pages` */
export function tooMany(most: string): BerthError {
  return new BerthError("invalid-argument", `the registry's list has more than ${most}`);
}

/** What an answer links to, if it is on the same server. */
function linked({ headers, url }: HttpResponse): URL | undefined {
  const link = [headers["link"] ?? ""].flat().join(", ");
  const target = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(link)?.[1];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const next = new URL(target, url);
  return next.host === url.host && next.href !== url.href ? next : undefined;
}
