import { readFileSync } from "node:fs";
import type { Subnet } from "./subnet.ts";

/** A route of the main IPv4 table. */
export interface Route extends Subnet {
  readonly device: string;
}

/** The routes of this process's network namespace, the default route left out. */
export function readRoutes(): readonly Route[] {
  return parseRoutes(readFileSync("/proc/self/net/route", "latin1"));
}

/** Read `/proc/net/route`: addresses and masks in hex, in the byte order of the (little-endian) machine. @see proc_pid_net(5) */
export function parseRoutes(text: string): readonly Route[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [device, destination, , , , , , mask] = line.trim().split(/\s+/);
      if (device === undefined || destination === undefined || mask === undefined) return [];
      return [{ device, base: littleEndian(destination), length: bitsOf(littleEndian(mask)) }];
    })
    .filter((route) => route.length > 0);
}

/** Names of the interfaces in this process's network namespace, those that are down too. */
export function readInterfaces(): ReadonlySet<string> {
  const lines = readFileSync("/proc/self/net/dev", "latin1").split("\n").slice(2);
  return new Set(lines.flatMap((line) => (line.includes(":") ? [line.slice(0, line.indexOf(":")).trim()] : [])));
}

function littleEndian(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE();
}

function bitsOf(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}
