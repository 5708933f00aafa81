import { fetchToken, type Token, type TokenParts, type TokenRequest } from "./token.ts";

/**
 * Identity tokens as they are by now: one that a token server gives with its answer takes the place of the one that was stored. The uses of
 * a stored one come one after the other, as a second would come with what the first has made useless.
 *
 * @see RFC 6749 section 6
 */
export interface IdentityTokens {
  /** Get a token as {@link fetchToken} does, with what has taken the place of the request's identity token since. */
  fetch(parts: TokenParts, request: TokenRequest): Promise<Token>;
}

/** What all share that have the same credentials. */
export function openIdentityTokens(): IdentityTokens {
  const latest = new Map<string, Promise<string>>();
  return {
    fetch: (parts, request) => {
      const { credentials } = request;
      if (credentials === undefined || !("identityToken" in credentials)) return fetchToken(parts, request);
      const before = latest.get(credentials.identityToken) ?? Promise.resolve(credentials.identityToken);
      const answer = before.then((identityToken) => {
        const conceal = (text: string): string => parts.conceal(text).replaceAll(identityToken, "xxxxx");
        return fetchToken({ ...parts, conceal }, { ...request, credentials: { identityToken } });
      });
      const after = answer.then(
        ({ identityToken }) => identityToken ?? before,
        () => before,
      );
      latest.set(credentials.identityToken, after);
      return answer;
    },
  };
}
