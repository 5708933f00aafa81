import { BerthError } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json-object.ts";

/** What is kept of a user for a registry. */
export interface StoredAuth {
  readonly username?: string;
  readonly password?: string;
  /** What a token server gave in exchange for the password. */
  readonly identityToken?: string;
  /** A bearer token, sent to the registry as it is. */
  readonly registryToken?: string;
}

/** Whose rules a file follows: those of Docker's `config.json`, or of podman's `auth.json`. */
export type AuthRules = "docker" | "containers";

/** What credentials are looked for: a registry, and the repository where one is meant. */
export interface AuthSubject {
  /** Host, with its port where one is given; `docker.io` for Docker Hub. */
  readonly domain: string;
  /** Repository within the registry, as `library/ubuntu`. */
  readonly path?: string;
}

/** Docker's names of Docker Hub; the first is berth's own. */
const hubNames: readonly string[] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/** Under which Docker's client keeps what belongs to Docker Hub. */
const hubKey = "https://index.docker.io/v1/";

/** The host in a key, which may be a URL. @see Docker CLI, `credentials.ConvertToHostname` */
function hostnameOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
}

/** The registry that a user means by a server's name or URL: `docker.io` for each of Docker Hub's. */
export function domainOf(server: string): string {
  const host = hostnameOf(server);
  return hubNames.includes(host) ? "docker.io" : host;
}

/** Under which key credentials are stored, and given to a credential helper. */
export function keyOf(domain: string): string {
  return domain === "docker.io" ? hubKey : domain;
}

/** Every key under which credentials may have been stored, by this version of Docker's client or an older one. */
export function keysToErase(domain: string): readonly string[] {
  const names = domain === "docker.io" ? hubNames : [domain];
  return [...new Set([keyOf(domain), ...names.flatMap((name) => [name, `http://${name}`, `https://${name}`])])];
}

/**
 * The key of `table` that is for a subject: its own key, else one whose host is the same. In podman's file a key may be for
 * repositories below it (`host/team`), and the most specific one counts.
 *
 * @see Docker CLI, `fileStore.Get`; containers-auth.json(5)
 */
export function findKey(table: JsonObject, { domain, path }: AuthSubject, rules: AuthRules): string | undefined {
  const names = domain === "docker.io" ? hubNames : [domain];
  const scopes = rules === "containers" && path !== undefined ? scopesOf(path) : [];
  const exact = [...scopes.flatMap((scope) => names.map((name) => `${name}/${scope}`)), keyOf(domain), ...names];
  const found = exact.find((key) => Object.hasOwn(table, key));
  if (found !== undefined) return found;
  const isWhole = (key: string): boolean => rules === "docker" || /^https?:\/\//.test(key);
  return Object.keys(table).find((key) => isWhole(key) && names.includes(hostnameOf(key)));
}

/** `a/b/c` lies in `a/b/c`, `a/b` and `a`. */
function scopesOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.map((_, n) => parts.slice(0, parts.length - n).join("/"));
}

/** What a subject has in `auths`; undefined where it has nothing. @throws {BerthError} invalid-argument, naming the key */
export function storedAuth(file: JsonObject, subject: AuthSubject, rules: AuthRules): StoredAuth | undefined {
  const auths = tableIn(file, "auths");
  const key = findKey(auths, subject, rules);
  if (key === undefined) return undefined;
  const wrong = (what: string): BerthError =>
    new BerthError("invalid-argument", `auths[${JSON.stringify(key)}]: ${what}`);
  const entry = auths[key];
  if (!isObject(entry)) throw wrong("not an object");
  const text = (name: string): string | undefined => {
    const value = entry[name] ?? "";
    if (typeof value !== "string") throw wrong(`${name} is not a string`);
    return value === "" ? undefined : value;
  };
  const auth = text("auth");
  const { username, password } =
    auth === undefined ? { username: text("username"), password: text("password") } : decoded(auth, wrong);
  const stored = authOf({
    username,
    password,
    identityToken: text("identitytoken"),
    registryToken: text("registrytoken"),
  });
  return Object.keys(stored).length === 0 ? undefined : stored;
}

/** What there is of the fields. */
export function authOf(fields: { readonly [Name in keyof StoredAuth]: string | undefined }): StoredAuth {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""));
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decoded(
  auth: string,
  wrong: (what: string) => BerthError,
): { readonly username: string; readonly password: string } {
  const text = base64.test(auth) ? Buffer.from(auth, "base64").toString() : "";
  const colon = text.indexOf(":");
  if (colon < 1) throw wrong("auth is not the base64 form of USER:PASSWORD");
  // Old files have zeros at the end.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

/** The helper that keeps a subject's credentials, by the end of its program's name; undefined where the file itself keeps them. */
export function helperName(file: JsonObject, subject: AuthSubject, rules: AuthRules): string | undefined {
  const helpers = tableIn(file, "credHelpers");
  const key = findKey(helpers, subject, rules);
  const name = key === undefined ? (rules === "docker" ? (file["credsStore"] ?? "") : "") : helpers[key];
  if (typeof name !== "string")
    throw new BerthError("invalid-argument", "the name of a credential helper is no string");
  return name === "" ? undefined : name;
}

/** The file with credentials stored under a key: `{}` where a helper has them, nothing for undefined; all else as it was. */
export function withAuth(file: JsonObject, key: string, auth: StoredAuth | undefined): JsonObject {
  const all = tableIn(file, "auths");
  const { [key]: before, ...others } = all;
  if (before === undefined && auth === undefined) return file;
  // In its place: a file that says the same as before is the same.
  return { ...file, auths: auth === undefined ? others : { ...all, [key]: entryOf(auth) } };
}

function entryOf({ username, password, identityToken, registryToken }: StoredAuth): JsonObject {
  return {
    ...(username === undefined ? {} : { auth: Buffer.from(`${username}:${password ?? ""}`).toString("base64") }),
    ...(identityToken === undefined ? {} : { identitytoken: identityToken }),
    ...(registryToken === undefined ? {} : { registrytoken: registryToken }),
  };
}

function tableIn(file: JsonObject, name: string): JsonObject {
  const table = file[name] ?? {};
  if (!isObject(table)) throw new BerthError("invalid-argument", `${name} is not an object`);
  return table;
}
