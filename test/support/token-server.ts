import { createSign, randomUUID, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Certificate } from "./certificates.ts";
import { listen } from "./listen.ts";

/** Who gets which tokens. */
export interface TokenServerOptions {
  /** Passwords by user name. Whoever has one may do anything. */
  readonly users?: Readonly<Record<string, string>>;
  /** What anybody may do, as `["pull"]`; nothing when absent. */
  readonly anonymous?: readonly string[];
  /** Seconds that the registry takes a token for; 300 when absent. */
  readonly lifetime?: number;
  /** Seconds that the server says of it; the same when absent. */
  readonly saidLifetime?: number;
}

/** One request for a token, without its secrets. */
export interface TokenRequest {
  readonly method: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Who asked, where the password or refresh token was right; undefined for nobody, false where it was wrong. */
  readonly user: string | undefined | false;
  /** `password`, `refresh_token` where a form was posted. */
  readonly grant: string | undefined;
}

/** A server of bearer tokens. */
export interface TokenServer extends AsyncDisposable {
  readonly url: string;
  /** What was asked so far, first to last. */
  readonly requests: readonly TokenRequest[];
}

/** What the registry behind it is told in its configuration. */
export const tokenNames = { issuer: "berth tests", service: "registry of berth's tests" } as const;

/** Seconds by which distribution's registry lets a token live longer than it says. */
const leeway = 60;

interface Asked extends TokenRequest {
  readonly offline: boolean;
}

/**
 * Start a token server on loopback, as distribution's `auth: token` wants it: JWTs, signed with RS256, the certificate in `x5c`.
 * It answers GET with Basic credentials and POST with a form (OAuth2), and gives refresh tokens to those who ask for them.
 *
 * @see distribution, docs/spec/auth/token.md and oauth.md
 */
export async function openTokenServer(signing: Certificate, options: TokenServerOptions): Promise<TokenServer> {
  const requests: TokenRequest[] = [];
  const refreshTokens = new Map<string, string>();
  const sign = signerOf(signing);
  const server = await listen(async (request, response) => {
    const { offline, ...asked } = await askedOf(request, options.users ?? {}, refreshTokens);
    requests.push(asked);
    if (asked.user === false) return answer(response, 401, unauthorized);
    const { lifetime = 300, saidLifetime = lifetime, anonymous = [] } = options;
    const token = sign({ ...claimsOf(asked, lifetime), access: accessOf(asked, anonymous) });
    const refresh = offline && asked.user !== undefined ? randomUUID() : undefined;
    if (refresh !== undefined && asked.user !== undefined) refreshTokens.set(refresh, asked.user);
    return answer(response, 200, {
      token,
      access_token: token,
      expires_in: saidLifetime,
      issued_at: new Date().toISOString(),
      ...(refresh === undefined ? {} : { refresh_token: refresh }),
    });
  });
  return { url: `${server.url}/token`, requests, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const unauthorized = { errors: [{ code: "UNAUTHORIZED", message: "incorrect username or password" }] };

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function askedOf(
  request: IncomingMessage,
  users: Readonly<Record<string, string>>,
  refreshTokens: ReadonlyMap<string, string>,
): Promise<Asked> {
  const { method = "" } = request;
  const query = new URL(request.url ?? "", "http://127.0.0.1").searchParams;
  const chunks: Buffer[] = await request.toArray();
  const form = method === "POST" ? new URLSearchParams(Buffer.concat(chunks).toString()) : query;
  const grant = form.get("grant_type") ?? undefined;
  const checked = (name: string, password: string): string | false => (users[name] === password ? name : false);
  const userOf = (): TokenRequest["user"] => {
    if (grant === "refresh_token") return refreshTokens.get(form.get("refresh_token") ?? "") ?? false;
    if (grant === "password") return checked(form.get("username") ?? "", form.get("password") ?? "");
    const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1];
    if (basic === undefined) return undefined;
    const text = Buffer.from(basic, "base64").toString();
    return checked(text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1));
  };
  const scopes = form.getAll("scope").flatMap((scope) => scope.split(" "));
  const offline = form.get("offline_token") === "true" || form.get("access_type") === "offline";
  return { method, service: form.get("service") ?? undefined, scopes, user: userOf(), grant, offline };
}

function claimsOf({ user, service }: TokenRequest, lifetime: number): object {
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, nbf: now - leeway, exp: now + lifetime - leeway };
  return { iss: tokenNames.issuer, sub: user ?? "", aud: service ?? tokenNames.service, ...times, jti: randomUUID() };
}

/** `repository:a/b:pull,push`, where the name may hold a port, and so a colon. */
function accessOf({ user, scopes }: TokenRequest, anonymous: readonly string[]): readonly object[] {
  return scopes.flatMap((scope) => {
    const {
      type = "",
      name = "",
      actions = "",
    } = /^(?<type>[^:]+):(?<name>.+):(?<actions>[^:]*)$/.exec(scope)?.groups ?? {};
    const granted = actions.split(",").filter((action) => user !== undefined || anonymous.includes(action));
    return granted.length === 0 ? [] : [{ type, name, actions: granted }];
  });
}

function signerOf({ key, certificate }: Certificate): (claims: object) => string {
  const pem = readFileSync(key, "utf8");
  const { raw } = new X509Certificate(readFileSync(certificate));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const header = part({ typ: "JWT", alg: "RS256", x5c: [raw.toString("base64")] });
  return (claims) => {
    const text = `${header}.${part(claims)}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(pem, "base64url")}`;
  };
}
