import { BlockList, isIP, isIPv4 } from "node:net";
import { BerthError } from "../base/errors.ts";
import { isNetwork } from "../host/server-name.ts";
import type { ProxySettings } from "../host/settings.ts";

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What of the proxies is set: the settings file, and what it leaves open from the environment. */
export function proxySettings(settings: ProxySettings, env: Env): ProxySettings {
  const from = (name: string): string | undefined => env[name] || env[name.toLowerCase()] || undefined;
  const httpProxy = settings.httpProxy ?? from("HTTP_PROXY") ?? from("ALL_PROXY");
  const httpsProxy = settings.httpsProxy ?? from("HTTPS_PROXY") ?? from("ALL_PROXY");
  const noProxy = settings.noProxy ?? from("NO_PROXY");
  return {
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  };
}

/**
 * The proxy that a server is reached through, as Go reads the settings: none for this machine itself.
 *
 * @throws {BerthError} invalid-argument, for a proxy that speaks neither HTTP nor SOCKS5
 * @see golang.org/x/net/http/httpproxy
 */
export function proxyFor(url: URL, { httpProxy, httpsProxy, noProxy = "" }: ProxySettings): URL | undefined {
  const proxy = url.protocol === "https:" ? httpsProxy : httpProxy;
  if (proxy === undefined || proxy === "") return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  if (isLoopback(host) || noProxy.split(",").some((entry) => excludes(entry.trim().toLowerCase(), host, port))) {
    return undefined;
  }
  return parseProxy(proxy);
}

/** True for a name or address of this machine itself. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host.endsWith(".localhost") || host === "::1" || host === "[::1]") return true;
  return host.startsWith("127.") && isIPv4(host);
}

const kinds: ReadonlySet<string> = new Set(["http:", "https:", "socks5:", "socks5h:"]);

/** Of a name or a password. */
const badlyEscaped = /%(?![0-9a-f]{2})/i;

function parseProxy(text: string): URL {
  const whole = /^[a-z0-9+.-]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url !== undefined && url.hostname !== "" && kinds.has(url.protocol) && !badlyEscaped.test(whole)) return url;
  const what =
    url === undefined || kinds.has(url.protocol)
      ? "invalid proxy address"
      : `a proxy of the kind ${url.protocol}// is not supported`;
  throw new BerthError("invalid-argument", `proxyconnect: ${what}`, {
    hint: "Set HTTP_PROXY and HTTPS_PROXY, or `proxies` in the settings file, to an http://, https:// or socks5:// URL.",
  });
}

/** Whether an entry of NO_PROXY names a host: `*`, an address or network, a domain with those below, each but a network with a port. */
function excludes(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return isInNetwork(host, entry);
  const { name, port: only } = splitPort(entry);
  if (only !== undefined && only !== port) return false;
  if (isIP(name) !== 0) return name === host;
  const domain = name.replace(/^\*?\./, "");
  return host.endsWith(`.${domain}`) || (domain === name && host === domain);
}

function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  return { name: bracketed ?? plain ?? entry, port };
}

/** Whether an address is in a network, `10.0.0.0/8`; false for what is none. */
export function isInNetwork(host: string, network: string): boolean {
  if (!isNetwork(network) || isIP(host) === 0) return false;
  const [address = "", bits] = network.split("/");
  const list = new BlockList();
  list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
  return list.check(host, isIP(host) === 4 ? "ipv4" : "ipv6");
}
