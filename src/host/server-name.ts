import { isIP, isIPv6 } from "node:net";

/** A name or an address, with a port or without. @see distribution reference, DomainRegexp */
const form = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[a-f0-9:]+\])(?::[0-9]+)?$/i;

/**
 * The name of a server as the `host` of a URL has it: in lower case, an address in its shortest form, and without the port of HTTPS. Two
 * names of one server are equal in this form. What is no name of a server stays as it is.
 */
export function serverName(name: string): string {
  const url = `https://${isIPv6(name) ? `[${name}]` : name}`;
  return (form.test(name) || isIPv6(name)) && URL.canParse(url) ? new URL(url).host : name;
}

/** What is wrong with a name of a server, in Docker's words; undefined where nothing is. @see moby daemon/pkg/registry/config.go */
export function wrongServerName(name: string): string | undefined {
  if (isIPv6(name)) return undefined;
  const [, host = name, port] = /^(.*):(\d*)$/.exec(name) ?? [];
  if (!form.test(name)) return `invalid host ${JSON.stringify(host)}`;
  return Number(port ?? 0) > 65_535 ? `invalid port ${JSON.stringify(port)}` : undefined;
}

/** True for a network, `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [, address = "", bits] = /^([^/]*)\/(\d{1,3})$/.exec(text) ?? [];
  return isIP(address) !== 0 && Number(bits) <= (isIPv6(address) ? 128 : 32);
}
