import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { openHttp } from "./http-source.ts";

/** True for what is fetched: a Dockerfile or an archive behind an http or https address. */
export function isRemote(context: string): boolean {
  return /^https?:\/\//.test(context) && URL.canParse(context);
}

/**
 * Fetch a context or a Dockerfile. Redirects are followed, but not from TLS to none; proxies are those of the settings.
 *
 * @param options `what` names it in messages
 * @throws {BerthError} unavailable, when the server isn't there or answers with another status than 200
 */
export async function* fetchRemote(
  address: string,
  { what, signal }: Operation & { readonly what: string },
): AsyncGenerator<Uint8Array> {
  using http = await openHttp();
  const response = await http.ask(address, { signal });
  if (response.status === 200) return yield* response.body;
  response.discard();
  throw new BerthError("unavailable", `failed to load cache key: invalid response status ${response.status}`, {
    hint: `${response.url.origin} answered so when it was asked for ${what}.`,
  });
}
