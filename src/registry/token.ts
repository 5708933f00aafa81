import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { jsonIn } from "../oci/image-index.ts";
import { wholeBody } from "./body.ts";
import { one } from "./bytes.ts";
import type { Challenge } from "./challenge.ts";
import { type Redirectable, sendFollowing } from "./redirects.ts";
import { refusal } from "./refusal.ts";
import { described, isConnectionFailure } from "./registry-error.ts";
import type { Credentials } from "./repository.ts";
import type { Transport } from "./transport.ts";

/** Where tokens for a registry come from. */
export interface TokenService {
  readonly realm: URL;
  readonly service: string | undefined;
  /** What the registry asked for by itself. */
  readonly scopes: readonly string[];
}

/** Seconds that a token lasts at least: older servers don't say how long, and mean this. @see distribution, token authentication */
const shortestLife = 60;
const longestLife = 24 * 60 * 60;
/** The part of a token's life in which it is used: what begins with it should end with it. */
const usedLife = 0.9;
const clientID = "berth";
const mostScopes = 20;
const scopeForm = /^[a-z]+(?:\([a-z0-9]+\))?:[^\s"\\]+:[a-z*,]+$/;

/** @throws {BerthError} permission-denied, for a challenge that doesn't say where the tokens come from */
export function tokenServiceOf({ parameters }: Challenge, url: URL): TokenService {
  const realm = parameters.get("realm");
  if (realm === undefined) throw new BerthError("permission-denied", "no realm specified for token auth challenge");
  if (!URL.canParse(realm, url)) throw new BerthError("permission-denied", "invalid token auth challenge realm");
  const scopes = (parameters.get("scope") ?? "").split(" ").filter((scope) => scopeForm.test(scope));
  const few = scopes.slice(0, mostScopes).map(inOneOrder);
  return { realm: new URL(realm, url), service: parameters.get("service"), scopes: few };
}

/** Some servers tell the actions of a scope now in this order, now in that. */
function inOneOrder(scope: string): string {
  const actions = scope.lastIndexOf(":") + 1;
  return `${scope.slice(0, actions)}${scope.slice(actions).split(",").sort().join(",")}`;
}

/** Whether a scope allows nothing that another of these doesn't: `repository:a:pull` is within `repository:a:pull,push`. */
export function isWithin(scope: string, scopes: Iterable<string>): boolean {
  const { subject, actions } = partsOf(scope);
  return [...scopes].map(partsOf).some((other) => other.subject === subject && actions.isSubsetOf(other.actions));
}

function partsOf(scope: string): { readonly subject: string; readonly actions: ReadonlySet<string> } {
  const end = scope.lastIndexOf(":");
  return { subject: scope.slice(0, end), actions: new Set(scope.slice(end + 1).split(",")) };
}

/** What is needed to ask for tokens. */
export interface TokenParts {
  readonly transport: Transport;
  readonly allowsPlain: (url: URL) => boolean;
  readonly conceal: (text: string) => string;
}

/** What a token is asked for with. */
export interface TokenRequest {
  readonly service: TokenService;
  readonly scopes: readonly string[];
  /** Anonymous when absent. */
  readonly credentials: Credentials | undefined;
  /** Ask for an identity token, too. */
  readonly offline: boolean;
}

/** What a token server gives. */
export interface Token {
  readonly token: string;
  /** Milliseconds in which it can be used. */
  readonly lifetime: number;
  /** To be kept in place of the password. */
  readonly identityToken?: string;
}

/**
 * Get a token: with an identity token by OAuth 2, else by GET with name and password, or without.
 *
 * @throws {BerthError} permission-denied, in the server's words
 * @see distribution, docs/spec/auth
 */
export async function fetchToken(parts: TokenParts, request: TokenRequest): Promise<Token> {
  const { realm } = request.service;
  if (realm.protocol !== "https:" && realm.protocol !== "http:")
    throw new BerthError("permission-denied", `the token server has no address of HTTP: ${realm.href}`);
  if (realm.protocol === "http:" && !parts.allowsPlain(realm)) {
    throw new BerthError("permission-denied", `the token server ${realm.host} is reached without TLS`, {
      hint: `Where that is meant to be, name ${realm.host} in "insecure-registries" of the settings file.`,
    });
  }
  const { credentials } = request;
  const byIdentity = credentials !== undefined && "identityToken" in credentials;
  const sent = byIdentity ? byPost(request, credentials.identityToken) : byGet(request);
  try {
    const response = await sendFollowing(parts.transport, sent, { ...parts, leaves: !byIdentity });
    if (response.status < 200 || response.status >= 300) throw await refusal(response, parts.conceal);
    return tokenIn(jsonIn(await wholeBody(response, limits.tokenAnswer)));
  } catch (error) {
    throw isConnectionFailure(error) ? described(error, sent.method, realm) : error;
  }
}

function byGet({ service, scopes, credentials, offline }: TokenRequest): Redirectable {
  const url = new URL(service.realm);
  if (service.service !== undefined) url.searchParams.set("service", service.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (offline) url.searchParams.set("offline_token", "true");
  if (offline) url.searchParams.set("client_id", clientID);
  if (credentials === undefined || !("username" in credentials)) return { method: "GET", url, headers: {} };
  const { username, password } = credentials;
  url.searchParams.set("account", username);
  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  return { method: "GET", url, headers: { Authorization: `Basic ${basic}` } };
}

function byPost({ service, scopes }: TokenRequest, identityToken: string): Redirectable {
  const form = new URLSearchParams({ grant_type: "refresh_token", refresh_token: identityToken, client_id: clientID });
  if (service.service !== undefined) form.set("service", service.service);
  form.set("scope", scopes.join(" "));
  const bytes = Buffer.from(form.toString());
  return {
    method: "POST",
    url: service.realm,
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: () => ({ bytes: one(bytes), length: bytes.length }),
  };
}

function tokenIn(value: unknown): Token {
  const { access_token, token, expires_in, refresh_token } = (value ?? {}) as Record<string, unknown>;
  const found = access_token === undefined || access_token === "" ? token : access_token;
  if (!isHeaderText(found)) {
    throw new BerthError("permission-denied", "authorization server did not include a token in the response");
  }
  const seconds =
    typeof expires_in === "number" ? Math.min(Math.max(expires_in, shortestLife), longestLife) : shortestLife;
  const kept = isHeaderText(refresh_token) ? { identityToken: refresh_token } : {};
  return { token: found, lifetime: seconds * usedLife * 1000, ...kept };
}

/** Nothing that ends a header. */
function isHeaderText(value: unknown): value is string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
}
