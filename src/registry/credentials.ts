import { lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json-object.ts";
import type { Operation } from "../base/operation.ts";
import { dockerConfigPath, type Env, readJsonFile } from "../host/docker-config.ts";
import { callerOf } from "../host/host.ts";
import { lock } from "../host/lock.ts";
import { linux } from "../host/syscalls.ts";
import { writeFileDurably } from "../host/write-file.ts";
import {
  type AuthRules,
  type AuthSubject,
  helperName,
  keyOf,
  keysToErase,
  type StoredAuth,
  storedAuth,
  withAuth,
} from "./auth-file.ts";
import { credentialHelper } from "./credential-helper.ts";
import type { Credentials } from "./repository.ts";

/** Where the user's credentials are: `config.json` of Docker's client and the helpers that it names, then podman's `auth.json`. */
export interface CredentialStore {
  /** What to prove to a registry. A place that can't be read is warned of, and passed over. */
  find(subject: AuthSubject, operation?: Operation): Promise<Credentials | undefined>;
  /** What Docker's place has of a registry, where `store` and `erase` write. */
  stored(domain: string, operation?: Operation): Promise<StoredAuth | undefined>;
  /**
   * Keep credentials, in the registry's helper where it has one.
   *
   * @returns the file that has the password now, readable for whoever can read the file; undefined where it is safe, or was there
   */
  store(domain: string, auth: StoredAuth, operation?: Operation): Promise<string | undefined>;
  /** Forget what Docker's place has of a registry; nothing may be there. */
  erase(domain: string, operation?: Operation): Promise<void>;
}

/** What a {@link CredentialStore} is opened with. */
export interface CredentialStoreOptions {
  readonly env: Env;
  /** Told, in a sentence, which place can't be read. */
  readonly warn?: (message: string) => void;
}

/** One file, and whose rules it follows. */
interface Place {
  readonly path: string;
  readonly rules: AuthRules;
}

/** Open the user's credentials. Nothing is read before a call needs it. */
export function openCredentialStore({ env, warn = () => undefined }: CredentialStoreOptions): CredentialStore {
  const dockerPlace = (): Place => {
    const path = dockerConfigPath(env);
    if (path !== undefined) return { path, rules: "docker" };
    throw new BerthError(
      "failed-precondition",
      "there is no place for credentials: neither DOCKER_CONFIG nor HOME is set",
    );
  };
  /** Like `lookUp`, for callers that can do without. */
  const lookUpOrWarn = async (place: Place, subject: AuthSubject, op: Operation): Promise<StoredAuth | undefined> => {
    try {
      return await lookUp(place, subject, { env, ...op });
    } catch (error) {
      op.signal?.throwIfAborted();
      warn(`credentials can't be read (${place.path}): ${messageOf(error)}`);
      return undefined;
    }
  };
  return {
    find: async (subject, operation = {}) => {
      const path = dockerConfigPath(env);
      const docker: readonly Place[] = path === undefined ? [] : [{ path, rules: "docker" }];
      for (const place of [...docker, ...podmanPlaces(env)]) {
        const found = credentialsOf(await lookUpOrWarn(place, subject, operation));
        if (found !== undefined) return found;
      }
      return undefined;
    },
    stored: (domain, operation = {}) => lookUpOrWarn(dockerPlace(), { domain }, operation),
    store: async (domain, auth, operation = {}) => {
      const { path, rules } = dockerPlace();
      const helper = helperName(readJsonFile(path) ?? {}, { domain }, rules);
      const key = keyOf(domain);
      if (helper !== undefined) {
        await credentialHelper(helper, { env }).store(key, auth, operation);
        await update(path, (file) => withAuth(file, key, {}), operation);
        return undefined;
      }
      const isChanged = await update(path, (file) => withAuth(file, key, auth), operation);
      return isChanged && auth.password !== undefined ? path : undefined;
    },
    erase: async (domain, operation = {}) => {
      const { path, rules } = dockerPlace();
      const file = readJsonFile(path);
      if (file === undefined) return;
      const keys = keysToErase(domain);
      const helper = helperName(file, { domain }, rules);
      const without = (before: JsonObject): JsonObject =>
        keys.reduce((each: JsonObject, key) => withAuth(each, key, undefined), before);
      await update(path, without, operation);
      if (helper === undefined) return;
      for (const key of keys) await credentialHelper(helper, { env }).erase(key, operation);
    },
  };
}

/** What a place has of a subject. @throws {BerthError} when file or helper can't be used */
async function lookUp(
  { path, rules }: Place,
  subject: AuthSubject,
  { env, ...operation }: Operation & { readonly env: Env },
): Promise<StoredAuth | undefined> {
  const file = readJsonFile(path);
  if (file === undefined) return undefined;
  const helper = helperName(file, subject, rules);
  if (helper === undefined) return storedAuth(file, subject, rules);
  // Podman's name of Docker Hub isn't Docker's.
  const key = rules === "docker" ? keyOf(subject.domain) : subject.domain;
  return await credentialHelper(helper, { env }).get(key, operation);
}

function credentialsOf(auth: StoredAuth | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  const { username, password = "", identityToken, registryToken } = auth;
  if (registryToken !== undefined) return { registryToken };
  if (identityToken !== undefined) return { identityToken };
  return username === undefined ? undefined : { username, password };
}

/** @see containers-auth.json(5) */
function podmanPlaces(env: Env): readonly Place[] {
  const named = env["REGISTRY_AUTH_FILE"];
  if (named) return [{ path: named, rules: "containers" }];
  const runtime = env["XDG_RUNTIME_DIR"] ? join(env["XDG_RUNTIME_DIR"], "containers") : `/run/containers/${callerOf()}`;
  const config = env["XDG_CONFIG_HOME"] || (env["HOME"] ? join(env["HOME"], ".config") : undefined);
  const directories = [runtime, ...(config === undefined ? [] : [join(config, "containers")])];
  return directories.map((directory) => ({ path: join(directory, "auth.json"), rules: "containers" }));
}

/**
 * Change the file: by itself alone, so that two at once lose nothing, and whole or not at all.
 *
 * @returns whether it was another one afterwards
 */
async function update(path: string, change: (file: JsonObject) => JsonObject, operation: Operation): Promise<boolean> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = targetOf(path);
  const directory = dirname(target);
  using _alone = await lock(linux, directory, { ...operation, create: false });
  const before = readJsonFile(target);
  const after = `${JSON.stringify(change(before ?? {}), undefined, "\t")}`;
  if (before !== undefined && after === JSON.stringify(before, undefined, "\t")) return false;
  removeLeftovers(target);
  await writeFileDurably(target, after, ownerOf(target));
  return true;
}

/** Where a file lies that may be a link, also one that leads to nothing yet. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? resolve(dirname(path), readlinkSync(path)) : path;
  }
}

/** What writers left that were killed holds passwords. */
function removeLeftovers(path: string): void {
  const name = basename(path);
  const isLeftover = (each: string): boolean =>
    each.startsWith(`${name}.`) && /^\.[0-9a-f]{12}\.tmp$/.test(each.slice(name.length));
  for (const each of readdirSync(dirname(path)).filter(isLeftover)) rmSync(join(dirname(path), each), { force: true });
}

/** What root writes for somebody else stays theirs. */
function ownerOf(path: string): { readonly owner?: { readonly uid: number; readonly gid: number } } {
  const stat = process.getuid?.() === 0 ? statSync(path, { throwIfNoEntry: false }) : undefined;
  return stat === undefined ? {} : { owner: { uid: stat.uid, gid: stat.gid } };
}
