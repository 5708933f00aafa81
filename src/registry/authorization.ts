import { monotonic } from "../base/clock.ts";
import { BerthError } from "../base/errors.ts";
import { orAborted } from "../base/operation.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { HttpResponse } from "./connection.ts";
import type { IdentityTokens } from "./identity-tokens.ts";
import type { Credentials } from "./repository.ts";
import { isWithin, type TokenService, tokenServiceOf } from "./token.ts";
import type { Transport } from "./transport.ts";

/** What a request says of who asks. */
export interface Authorization {
  /** The value of the header. */
  readonly header: string;
  /** It was made for this request, so that a refusal is final. */
  readonly fresh: boolean;
}

/** What one server wants to know of who asks, as far as it has said so. */
export interface Authorizer {
  /** The authorization for a request; undefined while the server has asked for none. @throws {BerthError} permission-denied */
  authorization(scopes: readonly string[], signal?: AbortSignal): Promise<Authorization | undefined>;
  /**
   * Take in what a server says with 401.
   *
   * @param scopes those of the request; what the server asks for beside them is asked for with them from now on
   * @returns whether the same request may be let in now
   */
  refused(response: HttpResponse, used: Authorization | undefined, scopes: readonly string[]): boolean;
  /** A text without the secrets that were sent. */
  conceal(text: string): string;
  /** The identity token that the token server gave, where it was asked for one. */
  identityToken(): string | undefined;
}

/** What an authorizer needs to know. */
export interface AuthorizerParts {
  readonly transport: Transport;
  /** Asked for when the server wants them; once. */
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly identityTokens: IdentityTokens;
  /** Whether a token server may be reached without TLS. */
  readonly allowsPlain: (url: URL) => boolean;
  /** Ask for an identity token, too. */
  readonly offline?: boolean;
}

interface KeptToken {
  readonly scopes: readonly string[];
  readonly token: string;
  /** By {@link monotonic}: the server's clock may be wrong. */
  readonly expires: number;
}

/** Tokens that are kept for one server. */
const mostTokens = 1000;

/** Make an authorizer; nobody is asked yet. */
export function openAuthorizer(parts: AuthorizerParts): Authorizer {
  let wanted: { readonly scheme: "basic" } | { readonly scheme: "bearer"; readonly service: TokenService } | undefined;
  let kept: readonly KeptToken[] = [];
  let identity: string | undefined;
  /** What the server asked for beside the scopes of a request. */
  const beside = new Map<string, readonly string[]>();
  const secrets = new Set<string>();
  const pending = new Map<string, Promise<KeptToken>>();
  let asked: Promise<Credentials | undefined> | undefined;

  const credentials = async (): Promise<Credentials | undefined> => {
    asked ??= parts.credentials();
    const found = await asked;
    if (found !== undefined) for (const secret of secretsOf(found)) secrets.add(secret);
    return found;
  };
  const conceal = (text: string): string =>
    [...secrets].reduce((rest, secret) => rest.replaceAll(secret, "xxxxx"), text);
  const ask = async (service: TokenService, scopes: readonly string[]): Promise<KeptToken> => {
    const found = await credentials();
    if (found !== undefined && "registryToken" in found) {
      return { scopes, token: found.registryToken, expires: Number.POSITIVE_INFINITY };
    }
    const request = { service, scopes, credentials: found, offline: parts.offline === true };
    const { token, lifetime, identityToken } = await parts.identityTokens.fetch({ ...parts, conceal }, request);
    secrets.add(token);
    identity = identityToken ?? identity;
    const one = { scopes, token, expires: monotonic() + lifetime };
    kept = [one, ...kept].slice(0, mostTokens);
    return one;
  };
  /** One request for those who want the same at the same time; that one of them gives up doesn't end it. */
  const shared = (service: TokenService, scopes: readonly string[]): Promise<KeptToken> => {
    const key = scopes.join(" ");
    const under = pending.get(key);
    if (under !== undefined) return under;
    const begun = ask(service, scopes).finally(() => pending.delete(key));
    pending.set(key, begun);
    return begun;
  };
  return {
    authorization: async (scopes, signal) => {
      if (wanted === undefined) return undefined;
      if (wanted.scheme === "basic") {
        const header = basicHeader(await credentials());
        secrets.add(header.slice("Basic ".length));
        return { header, fresh: true };
      }
      const { service } = wanted;
      const all = [...new Set([...scopes, ...(beside.get(scopes.join(" ")) ?? [])])].sort();
      const now = monotonic();
      const found = kept.find((one) => one.expires > now && all.every((scope) => isWithin(scope, one.scopes)));
      const { token } = found ?? (await orAborted(shared(service, all), signal));
      return { header: `Bearer ${token}`, fresh: found === undefined };
    },
    refused: (response, used, scopes) => {
      kept = kept.filter(({ token }) => used?.header !== `Bearer ${token}`);
      const next = choose(parseChallenges(response.headers["www-authenticate"] ?? ""), response.url);
      if (next === undefined) return false;
      const named = next.scheme === "bearer" ? next.service.scopes : [];
      const asked = named.filter((scope) => !isWithin(scope, scopes));
      const key = scopes.join(" ");
      const before = beside.get(key) ?? [];
      const more = asked.some((scope) => !before.includes(scope));
      if (beside.size < mostTokens) beside.set(key, asked);
      const changed = more || wanted?.scheme !== next.scheme || used?.fresh !== true;
      wanted = next;
      return changed;
    },
    conceal,
    identityToken: () => identity,
  };
}

/** Tokens before passwords. */
function choose(
  challenges: readonly Challenge[],
  url: URL,
): { scheme: "basic" } | { scheme: "bearer"; service: TokenService } | undefined {
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) return { scheme: "bearer", service: tokenServiceOf(bearer, url) };
  return challenges.some(({ scheme }) => scheme === "basic") ? { scheme: "basic" } : undefined;
}

function basicHeader(credentials: Credentials | undefined): string {
  if (credentials === undefined || !("username" in credentials) || credentials.username === "") {
    throw new BerthError("permission-denied", "no basic auth credentials");
  }
  const { username, password } = credentials;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** An empty text is no secret, nor is one so short that it stands in any sentence. */
function secretsOf(credentials: Credentials): readonly string[] {
  const all =
    "password" in credentials
      ? [credentials.password, Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")]
      : Object.values(credentials);
  return all.filter((secret) => secret.length >= 4);
}
