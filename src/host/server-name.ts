import { isIP, isIPv6 } from "node:net";

/** A name or an address, with a port or without. @see distribution reference, DomainRegexp */
const form = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::[0-9]+)?$/i;

/**
 * The name of a server as the `host` of a URL has it: in lower case, an address in its shortest form, and without the port of HTTPS. Two
 * names of one server are equal in this form. What is no name of a server stays as it is.
 */
export function serverName(name: string): string {
  const isBare = isBareIPv6(name);
  const url = `https://${isBare ? `[${name}]` : name}`;
  return (form.test(name) || isBare) && URL.canParse(url) ? new URL(url).host : name;
}

/** An address of IPv6 alone. Node takes several milliseconds to ask that for the first time; few names have two colons. */
function isBareIPv6(name: string): boolean {
  return name.indexOf(":") !== name.lastIndexOf(":") && isIPv6(name);
}

/** What is wrong with a name of a server, in Docker's words; undefined where nothing is. @see moby daemon/pkg/registry/config.go */
export function wrongServerName(name: string): string | undefined {
  if (isBareIPv6(name)) return undefined;
  const [, host = name, port] = /^(.*):(\d*)$/.exec(name) ?? [];
  if (!form.test(name)) return `invalid host ${JSON.stringify(host)}`;
  return Number(port ?? 0) > 65_535 ? `invalid port ${JSON.stringify(port)}` : undefined;
}

/** True for a network, `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [, address, bits] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  // Hosts are no addresses to be asked about, which takes long for the first time.
  const family = address === undefined ? 0 : isIP(address);
  return family !== 0 && Number(bits) <= (family === 6 ? 128 : 32);
}
