import { BerthError, codeOf } from "../base/errors.ts";
import { serverName } from "../host/server-name.ts";
import type { RegistrySettings, Settings } from "../host/settings.ts";
import { isInNetwork, isLoopback } from "./proxies.ts";

/** Finds the addresses of a name. */
export type Lookup = (name: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** What is set for a registry, however its name is written. */
export function setFor(domain: string, { registries }: Settings): RegistrySettings {
  return registries.get(serverName(domain)) ?? {};
}

/**
 * The address of a server that is in a network of `insecure-registries`, as Docker looks for it. It is the one to connect to: another
 * answer for the same name, a moment later, is nothing that the settings trust.
 */
export async function insecureAddress(
  domain: string,
  settings: Settings,
  lookup: Lookup,
): Promise<{ readonly address: string; readonly family: number } | undefined> {
  const networks = settings.insecureRegistries.filter((entry) => entry.includes("/"));
  const set = setFor(domain, settings).insecure !== undefined || domain === "docker.io";
  const { hostname } = serverURL("https", domain);
  if (set || networks.length === 0 || isLoopback(hostname)) return undefined;
  try {
    const found = await lookup(hostname);
    return found.find(({ address }) => networks.some((network) => isInNetwork(address, network)));
  } catch (error) {
    // Whoever connects says so.
    if (codeOf(error) === undefined) throw error;
    return undefined;
  }
}

/**
 * Where a registry is.
 *
 * @param domain `localhost:5000`
 * @throws {BerthError} invalid-argument, for a port or a number of a host that none has
 */
export function serverURL(scheme: "http" | "https", domain: string): URL {
  const text = `${scheme}://${domain}/`;
  if (URL.canParse(text) && !/:0+$/.test(domain)) return new URL(text);
  throw new BerthError("invalid-argument", `invalid registry host ${JSON.stringify(domain)}`, {
    hint: "A port is a number from 1 to 65535, and each number of an address at most 255.",
  });
}

/** Where Docker Hub's registry is. */
const dockerHub = new URL("https://registry-1.docker.io/");

/** The servers of a registry. */
export interface Servers {
  /** Asked first by what reads, in this order. */
  readonly mirrors: readonly URL[];
  /**
   * The registry itself: HTTPS, and plain HTTP behind it where that will do. On this machine plain HTTP comes first: nobody listens
   * in between, and to find out that a server has no TLS takes longer than most requests.
   */
  readonly own: readonly [URL, ...URL[]];
}

/**
 * Which servers a registry has.
 *
 * @param domain `docker.io`, `localhost:5000`
 * @param inNetwork whether its address is in a network of `insecure-registries`
 */
export function serversOf(domain: string, settings: Settings, inNetwork: boolean = false): Servers {
  const set = setFor(domain, settings).mirrors ?? (domain === "docker.io" ? settings.registryMirrors : []);
  const mirrors = set.map((mirror) => new URL(`${mirror}/`));
  if (domain === "docker.io") return { mirrors, own: [dockerHub] };
  const secure = serverURL("https", domain);
  if (!inNetwork && !isInsecure(domain, settings)) return { mirrors, own: [secure] };
  const plain = serverURL("http", domain);
  return { mirrors, own: isLoopback(plain.hostname) ? [plain, secure] : [secure, plain] };
}

/**
 * Whether a server needn't have a certificate that is worth something: as the settings say, else where it is on this machine.
 *
 * @param host with its port where that isn't the usual one
 */
export function isInsecure(host: string, settings: Settings): boolean {
  const set = setFor(host, settings).insecure;
  if (set !== undefined) return set;
  const name = serverName(host);
  if (settings.insecureRegistries.includes(name)) return true;
  const bare = name.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return isLoopback(bare) || settings.insecureRegistries.some((network) => isInNetwork(bare, network));
}
