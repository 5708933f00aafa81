import { BerthError } from "../base/errors.ts";

/** An IPv4 network. `base` is its first address as an unsigned 32-bit number, `length` the number of leading ones of its mask. */
export interface Subnet {
  readonly base: number;
  readonly length: number;
}

/** Read `172.17.0.0/16`. Bits below the mask are cleared. @throws {BerthError} invalid-argument */
export function parseSubnet(text: string): Subnet {
  const [address, length, ...rest] = text.split("/");
  const base = parseAddress(address ?? "");
  if (base === undefined || rest.length > 0 || !/^\d{1,2}$/.test(length ?? "") || Number(length) > 32) {
    throw new BerthError("invalid-argument", `invalid CIDR address: ${text}`);
  }
  return { base: truncate(base, Number(length)), length: Number(length) };
}

/** `{ base, length }` as `172.17.0.0/16`. */
export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.base)}/${subnet.length}`;
}

/** An IPv4 address as an unsigned 32-bit number; undefined when `text` is none. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((number, part) => number * 256 + Number(part), 0);
}

/** An unsigned 32-bit number as `172.17.0.2`. */
export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join(".");
}

/** True when the two have an address in common. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  const length = Math.min(a.length, b.length);
  return truncate(a.base, length) === truncate(b.base, length);
}

/** How many addresses a network has, the first (its own) and the last (broadcast) among them. */
export function sizeOf(subnet: Subnet): number {
  return 2 ** (32 - subnet.length);
}

function truncate(address: number, length: number): number {
  const size = 2 ** (32 - length);
  return address - (address % size);
}
