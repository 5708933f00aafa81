import { gatewayOf, macOf } from "./address-pool.ts";
import type { Endpoint } from "./network.ts";
import type { Subnet } from "./subnet.ts";

/** What {@link bridgeCommands} has to know of the bridge. */
export interface BridgePlan {
  readonly bridge: string;
  readonly subnet: Subnet;
  /** The interface is there, though not as it should be. */
  readonly exists: boolean;
  /** Host ends of running containers, which have lost their bridge. */
  readonly orphans: readonly string[];
  /** Run root of the engine: while that exists, nobody else takes the bridge away. */
  readonly owner: string;
}

/**
 * `ip -batch` lines that make a bridge, or mend one.
 * Its MAC is set, since a bridge without one of its own takes a port's, and changes it when that port goes.
 */
export function bridgeCommands({ bridge, subnet, exists, orphans, owner }: BridgePlan): string {
  const gateway = gatewayOf(subnet);
  return lines([
    exists ? `address flush dev ${bridge}` : `link add ${bridge} address ${macOf(gateway)} type bridge`,
    // The kernel keeps 255 bytes, and ip splits lines at blanks; a bridge without an alias is never taken for abandoned.
    ...(/^[\w./-]{1,255}$/.test(owner) ? [`link set ${bridge} alias ${owner}`] : []),
    `address add ${gateway}/${subnet.length} broadcast + dev ${bridge}`,
    ...orphans.map((link) => `link set ${link} master ${bridge}`),
    `link set ${bridge} up`,
  ]);
}

/** A shell script that connects the network namespace of process `pid`, first from the outside, then inside: one process for two. */
export function connectScript(link: string, endpoint: Endpoint, pid: number): string {
  return [
    `ip -batch - <<END\n${vethCommands(link, endpoint, pid)}END\n`,
    `exec nsenter -t ${pid} -n ip -batch - <<END\n${eth0Commands(endpoint)}END\n`,
  ].join("");
}

/** `ip -batch` lines for the host: a veth pair, one end on the bridge, the other as `eth0` in the namespace of process `pid`. */
function vethCommands(link: string, endpoint: Endpoint, pid: number): string {
  return lines([
    `link add ${link} master ${endpoint.bridge} up type veth peer name eth0 address ${endpoint.mac} netns ${pid}`,
  ]);
}

/** `ip -batch` lines for the container's namespace. */
function eth0Commands(endpoint: Endpoint): string {
  return lines([
    "link set lo up",
    `address add ${endpoint.address}/${endpoint.prefixLength} broadcast + dev eth0`,
    "link set eth0 up",
    `route add default via ${endpoint.gateway}`,
  ]);
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join("");
}
