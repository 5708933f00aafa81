import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { version } from "../base/version.ts";
import { serverName } from "../host/server-name.ts";
import type { Settings } from "../host/settings.ts";
import type { Reference } from "../oci/reference.ts";
import type { AuthSubject } from "./auth-file.ts";
import { type Authorizer, type AuthorizerParts, openAuthorizer } from "./authorization.ts";
import type { Patience } from "./connection.ts";
import { type Endpoint, type EndpointParts, openEndpoint } from "./endpoint.ts";
import { openGivers } from "./givers.ts";
import { openIdentityTokens } from "./identity-tokens.ts";
import { denied, openRepository } from "./open-repository.ts";
import { type Env, proxyFor, proxySettings } from "./proxies.ts";
import { openSpare, type RangeOptions, usualRanges } from "./ranges.ts";
import { statusText } from "./refusal.ts";
import { isConnectionFailure, RegistryError } from "./registry-error.ts";
import type { Credentials, Repository } from "./repository.ts";
import { dockerHubIndex, type SearchQuery, type SearchResult, searchIndex } from "./search.ts";
import { insecureAddress, isInsecure, type Lookup, serversOf, serverURL, setFor } from "./servers.ts";
import { type Source, scopeOf } from "./source.ts";
import { openTransport, type Transport } from "./transport.ts";
import { openWarnings } from "./warnings.ts";

/** What an engine knows of registries: settings, credentials, connections, tokens. Nobody is contacted before a call needs it. */
export interface Registries extends AsyncDisposable {
  /** The repository that a name lies in (its tag and digest play no part). */
  repository(name: RepositoryName, use?: RepositoryUse): Repository;
  /**
   * Ask whether a registry takes credentials.
   *
   * @returns those to keep: where the token server gave an identity token, that in place of the password
   * @throws {BerthError} permission-denied in Docker's words
   */
  login(domain: string, credentials: Credentials, operation?: Operation): Promise<Credentials>;
  /** Repositories of a registry by words in their names and descriptions. @throws {BerthError} as `searchIndex` */
  search(domain: string, query: SearchQuery, operation?: Operation): Promise<readonly SearchResult[]>;
}

type RepositoryName = Pick<Reference, "domain" | "path">;

/** What a repository is opened for. */
export interface RepositoryUse {
  /** It is written to: what a token has to allow is asked for at once, and not first to read and then to write. */
  readonly isWritten?: boolean;
}

/** What registries are opened with. */
export interface RegistriesOptions {
  readonly settings: Settings;
  /** What the user has for a registry, or for a repository of it. Asked when a registry wants it. */
  readonly credentials: (subject: AuthSubject) => Promise<Credentials | undefined>;
  /** Says where certificates are and which proxies there are; that of the process when absent. */
  readonly env?: Env;
  /** Finds the addresses of a name; the system's when absent. */
  readonly lookup?: Lookup;
  /** Told of what registries warn users of, and of certificates that are passed over. */
  readonly warn?: (message: string) => void;
  /** Milliseconds that servers are waited for, beside the usual. */
  readonly patience?: Partial<Patience>;
  /** When a blob is fetched in ranges, beside the usual. */
  readonly ranges?: Partial<RangeOptions>;
}

/** Open what a process needs to talk to registries. */
export function openRegistries(options: RegistriesOptions): Registries {
  const { settings, credentials } = options;
  const endpoints = openEndpoints(options);
  const givers = openGivers();
  const spare = openSpare({ ...usualRanges, beside: settings.maxConcurrentRanges - 1, ...options.ranges });
  const checkBlocked = (name: RepositoryName, { isWritten = false }: RepositoryUse = {}): void => {
    if (setFor(name.domain, settings).blocked === true) throw blockedError(name, isWritten);
  };
  return {
    repository: (name, use) =>
      openRepository({
        name,
        givers,
        spare,
        maxAttempts: settings.maxDownloadAttempts,
        mirrors: () => {
          checkBlocked(name, use);
          return serversOf(name.domain, settings).mirrors.map((url) => ({
            endpoint: endpoints.mirror(url, name.domain),
            path: name.path,
          }));
        },
        own: async () => {
          checkBlocked(name, use);
          const source = { endpoint: await endpoints.own(`${name.domain}/${name.path}`), path: name.path };
          return use?.isWritten === true ? writable(source) : source;
        },
      }),
    login: async (domain, given, operation) => {
      if (setFor(domain, settings).blocked === true) throw blocked("login to", domain);
      const { base } = await endpoints.own(domain);
      const { endpoint, authorizer } = endpoints.with(base, {
        credentials: () => Promise.resolve(given),
        offline: true,
      });
      await logIn(endpoint, operation);
      const identityToken = authorizer.identityToken();
      return identityToken === undefined ? given : { identityToken };
    },
    search: async (domain, query, operation) => {
      if (setFor(domain, settings).blocked === true) throw blocked("search of", domain);
      const own = { credentials: () => credentials({ domain }) };
      const isHub = domain === "docker.io";
      const endpoint = isHub ? endpoints.with(dockerHubIndex, own).endpoint : await endpoints.own(domain);
      return await searchIndex(endpoint, query, operation);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(endpoints[Symbol.dispose]()),
  };
}

/** The same repository, which is read with a token that writes. */
function writable({ endpoint, path }: Source): Source {
  const [reads, writes] = [scopeOf(path, "pull"), scopeOf(path, "pull,push")];
  const wider = (scope: string): string => (scope === reads ? writes : scope);
  const send: Endpoint["send"] = (request) => endpoint.send({ ...request, scopes: request.scopes.map(wider) });
  return { endpoint: { ...endpoint, send }, path };
}

/** The servers of registries, each with its connections and tokens. */
interface Endpoints extends Disposable {
  /** A server, asked with other credentials than the user's. */
  readonly with: (base: URL, identity: Identity) => OpenedEndpoint;
  /** A mirror of a registry, by its address and the registry's name. */
  readonly mirror: (url: URL, domain: string) => Endpoint;
  /** A registry's own server, by the registry's name or that of a repository in it. */
  readonly own: (name: string) => Promise<Endpoint>;
}

/** How a server is asked. */
type Asking = Pick<EndpointParts, "transport" | "maxAttempts" | "mirrored">;

/** Milliseconds. */
const mirrorWait = 15_000;

type Identity = Pick<AuthorizerParts, "credentials" | "offline">;

function openEndpoints(options: RegistriesOptions): Endpoints {
  const { settings, credentials, env = process.env, patience, lookup = systemLookup, warn = () => undefined } = options;
  const warnings = openWarnings(warn);
  const identityTokens = openIdentityTokens();
  /** Servers that a network of the settings makes insecure: at that address alone. */
  const pinned = new Map<string, Awaited<ReturnType<typeof insecureAddress>>>();
  const insecure = (url: URL): boolean => isInsecure(url.host, settings) || pinned.get(url.host) !== undefined;
  const proxies = proxySettings(settings.proxies, env);
  const usual = { ...patienceOf(settings), ...patience };
  const transportWith = (waits: Partial<Patience>): Transport =>
    openTransport({
      verifies: (url) => !insecure(url),
      userAgent: `berth/${version}`,
      proxies,
      addressOf: (url) => pinned.get(url.host),
      env,
      warn,
      patience: waits,
    });
  const transport = transportWith(usual);
  const mirrorTransport = transportWith(impatient(usual));
  const own = { transport, maxAttempts: settings.maxDownloadAttempts };
  const endpointWith = (base: URL, identity: Identity, how: Asking = own): OpenedEndpoint => {
    // What a registry without TLS says is nothing that its token server could make safe.
    const allowsPlain = (url: URL): boolean => base.protocol === "http:" || insecure(base) || insecure(url);
    const authorizer = openAuthorizer({ transport: how.transport, allowsPlain, identityTokens, ...identity });
    return { endpoint: openEndpoint({ base, authorizer, allowsPlain, warnings, ...how }), authorizer };
  };
  /** Who a user is at Docker Hub is nothing for its mirrors, which are asked as the hosts that they are. */
  const mirrorAt = memoized((name: string) => {
    const [url = "", domain = ""] = name.split(" ");
    const base = new URL(url);
    const isProxy = base.host !== serverName(domain);
    const identity = { credentials: () => credentials({ domain: base.host }) };
    // There is another to ask.
    const how = { transport: mirrorTransport, maxAttempts: 1 };
    return endpointWith(base, identity, { ...how, ...(isProxy && { mirrored: domain }) }).endpoint;
  });
  const serversFor = memoized(async (domain: string) => {
    // Behind a proxy it is the proxy that looks the name up.
    const direct = proxyFor(serverURL("https", domain), proxies) === undefined;
    const address = direct ? await insecureAddress(domain, settings, lookup) : undefined;
    const servers = serversOf(domain, settings, address !== undefined).own;
    if (address !== undefined) for (const { host } of servers) pinned.set(host, address);
    return servers;
  });
  /** Which of its servers a registry answers on. */
  const chosen = new Map<string, readonly URL[]>();
  const ownOf = memoized(async (name: string) => {
    const subject = subjectOf(name);
    const servers = chosen.get(subject.domain) ?? (await serversFor(subject.domain));
    const endpoints = servers.map((base) => endpointWith(base, { credentials: () => credentials(subject) }).endpoint);
    const endpoint = await firstThatAnswers(endpoints);
    chosen.set(subject.domain, [endpoint.base]);
    return withLoginHint(endpoint, subject.domain);
  });
  return {
    with: endpointWith,
    mirror: ({ href }, domain) => mirrorAt(`${href} ${domain}`),
    own: ownOf,
    [Symbol.dispose]: () => {
      transport[Symbol.dispose]();
      mirrorTransport[Symbol.dispose]();
    },
  };
}

/** What a mirror is waited for, as there is another to ask: Docker's 15 s. @see moby daemon/pkg/registry/auth.go */
function impatient({ connect = mirrorWait, answer = mirrorWait, ...rest }: Partial<Patience>): Partial<Patience> {
  return { ...rest, connect: Math.min(connect, mirrorWait), answer: Math.min(answer, mirrorWait) };
}

/** The same server, whose refusals say how to log in. */
function withLoginHint(endpoint: Endpoint, domain: string): Endpoint {
  const hint = `If you have access: \`berth login${domain === "docker.io" ? "" : ` ${domain}`}\`.`;
  const send: Endpoint["send"] = async (request) => {
    try {
      return await endpoint.send(request);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.kind !== "permission-denied") throw error;
      throw new RegistryError(error.kind, error.message, {
        ...error.facts,
        hint: error.hint ?? hint,
        cause: error.cause,
      });
    }
  };
  return { ...endpoint, send };
}

const systemLookup: Lookup = (name) => process.getBuiltinModule("node:dns").promises.lookup(name, { all: true });

/** The registry in a name, and the repository where one is named. */
function subjectOf(name: string): AuthSubject {
  const slash = name.indexOf("/");
  return slash < 0 ? { domain: name } : { domain: name.slice(0, slash), path: name.slice(slash + 1) };
}

interface OpenedEndpoint {
  readonly endpoint: Endpoint;
  readonly authorizer: Authorizer;
}

/** A registry may look at a large blob before it answers. */
function patienceOf({ stallTimeout }: Settings): Partial<Patience> {
  return { stall: stallTimeout * 1000, answer: 4 * stallTimeout * 1000 };
}

/** The same for the same text, until it fails. */
function memoized<T>(make: (text: string) => T): (text: string) => T {
  const made = new Map<string, T>();
  return (text) => {
    const known = made.get(text);
    if (known !== undefined) return known;
    const one = make(text);
    made.set(text, one);
    if (one instanceof Promise) one.catch(() => made.delete(text));
    return one;
  };
}

function blocked(what: "login to" | "search of", domain: string): BerthError {
  return new BerthError("permission-denied", `${what} ${domain} is blocked`, { hint: blockedHint(domain) });
}

function blockedHint(domain: string): string {
  return `The settings file blocks ${domain}: nobody was asked.`;
}

/** What Docker says of a registry that refuses to give an image, or to take one. */
function blockedError(name: RepositoryName, isWritten: boolean): BerthError {
  const hint = blockedHint(name.domain);
  const said = "denied: requested access to the resource is denied";
  const refused = new BerthError("permission-denied", said, { hint });
  return isWritten ? refused : denied(name, said, { hint, cause: refused });
}

/** What servers with TLS say to those who come without. */
const badRequest = 400;

/** The server to speak with: the first one that answers as it should; where none does, the error of plain HTTP, which Docker tells. */
async function firstThatAnswers(candidates: readonly Endpoint[]): Promise<Endpoint> {
  const failures = new Map<string, unknown>();
  let spare: Endpoint | undefined;
  for (const endpoint of candidates) {
    if (candidates.length === 1) return endpoint;
    try {
      if ((await endpoint.greet()) !== badRequest) return endpoint;
      spare = endpoint;
    } catch (error) {
      if (!isConnectionFailure(error)) throw error;
      failures.set(endpoint.base.protocol, error);
    }
  }
  if (spare === undefined || failures.has("https:")) throw failures.get("http:") ?? failures.get("https:");
  return spare;
}

/** @throws {BerthError} in Docker's words. @see moby daemon/pkg/registry/auth.go */
async function logIn(endpoint: Endpoint, { signal }: Operation = {}): Promise<void> {
  const accepts = (): boolean => true;
  const response = await endpoint.send({ method: "GET", target: "", scopes: [], accepts, signal });
  response.discard();
  if (response.status === 200) return;
  const message = `login attempt to ${new URL("v2/", endpoint.base)} failed with status: ${statusText(response.status)}`;
  throw new BerthError(response.status === 401 ? "permission-denied" : "unavailable", message);
}
