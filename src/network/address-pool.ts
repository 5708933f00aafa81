import { BerthError } from "../base/errors.ts";
import { formatAddress, overlaps, parseSubnet, type Subnet, sizeOf } from "./subnet.ts";

/** A range that networks are cut from, each with a mask of `length`. Docker's `default-address-pools`. */
export interface AddressPool {
  readonly base: Subnet;
  readonly length: number;
}

/** Docker's own pools, in its order. */
export const defaultPools: readonly AddressPool[] = [
  { base: parseSubnet("172.17.0.0/16"), length: 16 },
  { base: parseSubnet("172.18.0.0/16"), length: 16 },
  { base: parseSubnet("172.19.0.0/16"), length: 16 },
  { base: parseSubnet("172.20.0.0/14"), length: 16 },
  { base: parseSubnet("172.24.0.0/14"), length: 16 },
  { base: parseSubnet("172.28.0.0/14"), length: 16 },
  { base: parseSubnet("192.168.0.0/16"), length: 20 },
];

/** The first network of the pools that overlaps none of `used`. @throws {BerthError} conflict, when all are taken */
export function firstFreeSubnet(pools: readonly AddressPool[], used: readonly Subnet[]): Subnet {
  for (const pool of pools) {
    const end = pool.base.base + sizeOf(pool.base);
    for (let base = pool.base.base; base < end; base += 2 ** (32 - pool.length)) {
      const subnet = { base, length: pool.length };
      if (!used.some((other) => overlaps(subnet, other))) return subnet;
    }
  }
  throw new BerthError("conflict", "all predefined address pools have been fully subnetted", {
    hint: "Remove networks or host routes that nobody needs: `ip route` shows which ranges are taken.",
  });
}

/** The address of the network's bridge: the first one, as Docker has it. */
export function gatewayOf(subnet: Subnet): string {
  return formatAddress(subnet.base + 1);
}

/** The lowest address for a container that is neither the gateway nor in `used`. @throws {BerthError} conflict, when none is left */
export function firstFreeAddress(subnet: Subnet, used: ReadonlySet<string>): string {
  const broadcast = subnet.base + sizeOf(subnet) - 1;
  for (let address = subnet.base + 2; address < broadcast; address++) {
    const text = formatAddress(address);
    if (!used.has(text)) return text;
  }
  throw new BerthError("conflict", "no available IPv4 addresses on this network's address pools", {
    hint: "Remove containers that have ended: `berth container prune`.",
  });
}

/**
 * A locally administered MAC made of an address: `172.17.0.2` is `02:42:ac:11:00:02`.
 * One address has one MAC, so that a neighbour's ARP entry is still right when the address has gone to the next container.
 */
export function macOf(address: string): string {
  return ["02", "42", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
}
