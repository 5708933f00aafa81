import type { IncomingHttpHeaders } from "node:http";
import type { RateLimit } from "./repository.ts";

/** What an answer says of a quota: `ratelimit-limit: 100;w=21600`. @see draft-polli-ratelimit-headers-02 */
export function rateLimitOf(headers: IncomingHttpHeaders): RateLimit | undefined {
  const [limit] = partsOf(headers["ratelimit-limit"]);
  const [remaining, window] = partsOf(headers["ratelimit-remaining"]);
  if (remaining === undefined) return undefined;
  return { remaining, ...(limit === undefined ? {} : { limit }), ...(window === undefined ? {} : { window }) };
}

function partsOf(header: string | readonly string[] | undefined): readonly (number | undefined)[] {
  const [, count, window] = /^\s*(\d{1,9})\b(?:.*?;\s*w=(\d{1,9}))?/.exec(String(header ?? "")) ?? [];
  return [count, window].map((text) => (text === undefined ? undefined : Number(text)));
}
