import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { BerthError, codeOf } from "../base/errors.ts";
import { containerResolvConf, type DnsOptions, isResolvedStub } from "./resolv-conf.ts";

/** The host's own files, which a container's are made from. */
export interface HostFiles {
  readonly hosts: string;
  readonly resolvConf: string;
  /** Where `resolvConf` was read. */
  readonly resolvConfPath: string;
}

/** What decides about the three files. */
export interface NetworkFilesInput {
  readonly hostname: string;
  readonly domainname?: string;
  /** The container shares the host's network namespace. */
  readonly hostNetwork: boolean;
  /** The container's address; undefined without a network. */
  readonly address?: string;
  /** What `host-gateway` stands for in `extraHosts`: the address of the bridge. */
  readonly gateway?: string;
  readonly dns: DnsOptions;
  /** `name:address`, as `--add-host` gives them. */
  readonly extraHosts: readonly string[];
  readonly host: HostFiles;
}

/** The contents of `/etc/hosts`, `/etc/resolv.conf` and `/etc/hostname` of a container. */
export interface NetworkFiles {
  readonly hosts: string;
  readonly resolvConf: string;
  readonly hostname: string;
}

const loopback: readonly (readonly [string, string])[] = [
  ["127.0.0.1", "localhost"],
  ["::1", "localhost ip6-localhost ip6-loopback"],
  ["fe00::", "ip6-localnet"],
  ["ff00::", "ip6-mcastprefix"],
  ["ff02::1", "ip6-allnodes"],
  ["ff02::2", "ip6-allrouters"],
];

/** The files as Docker writes them. @throws {BerthError} invalid-argument, when an extra host is malformed */
export function networkFiles(input: NetworkFilesInput): NetworkFiles {
  return { hosts: hostsOf(input), resolvConf: resolvConfOf(input), hostname: `${input.hostname}\n` };
}

/** Read the host's files; one that is missing counts as empty. Behind systemd-resolved's stub, the file of its real servers is taken. */
export function readHostFiles(): HostFiles {
  const hosts = readIfThere("/etc/hosts");
  const resolvConf = readIfThere("/etc/resolv.conf");
  const upstream = "/run/systemd/resolve/resolv.conf";
  const behindStub = isResolvedStub(resolvConf) ? readIfThere(upstream) : "";
  if (behindStub !== "") return { hosts, resolvConf: behindStub, resolvConfPath: upstream };
  return { hosts, resolvConf, resolvConfPath: "/etc/resolv.conf" };
}

function hostsOf(input: NetworkFilesInput): string {
  const { hostname, domainname, address } = input;
  const extra = input.extraHosts.map((text) => parseExtraHost(text, input.gateway));
  if (input.hostNetwork && extra.length === 0) return input.host.hosts;
  const names = domainname === undefined ? hostname : `${hostname}.${domainname} ${hostname}`;
  const own = address === undefined ? [] : [[address, names] as const];
  return [...loopback, ...extra, ...own].map(([ip, name]) => `${ip}\t${name}\n`).join("");
}

function resolvConfOf({ hostNetwork, host, dns }: NetworkFilesInput): string {
  const asked = dns.servers.length + dns.search.length + dns.options.length > 0;
  if (hostNetwork && !asked) return host.resolvConf;
  return containerResolvConf(host.resolvConf, host.resolvConfPath, dns);
}

function parseExtraHost(text: string, gateway: string | undefined): readonly [string, string] {
  const colon = text.indexOf(":");
  const [name, value] = [text.slice(0, colon), text.slice(colon + 1)];
  if (colon < 1) throw new BerthError("invalid-argument", `bad format for add-host: "${text}"`);
  const address = value === "host-gateway" ? (gateway ?? "") : value.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) {
    throw new BerthError("invalid-argument", `invalid IP address in add-host: "${value}"`);
  }
  return [address, name];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return "";
  }
}
