import { isIPv4 } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { Settings } from "../host/settings.ts";

/** An address that a server listens on. */
export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

/**
 * Whether a server means one of this machine that listens there: asked for anything, it would ask itself.
 *
 * @param server `cache.example:5000`, `[::1]:5000`; without a port that of HTTPS
 */
export function isItself(server: string, { host, port }: Address): boolean {
  const [, bracketed, plain = "", given = "443"] = /^(?:\[([\da-f:]+)\]|([^:]*))(?::(\d+))?$/i.exec(server) ?? [];
  const name = bracketed ?? plain;
  if (Number(given) !== port) return false;
  if (name === host || isLoopback(name) || name === hostname()) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === name));
}

/** Settings without the mirrors that are the cache itself: a machine whose mirror it is has them. */
export function withoutItself(settings: Settings, own: Address): Settings {
  const others = (mirrors: readonly string[]): readonly string[] =>
    mirrors.filter((mirror) => !isMirrorItself(mirror, own));
  const registries = [...settings.registries].map(
    ([host, each]) => [host, each.mirrors === undefined ? each : { ...each, mirrors: others(each.mirrors) }] as const,
  );
  return { ...settings, registryMirrors: others(settings.registryMirrors), registries: new Map(registries) };
}

function isMirrorItself(mirror: string, own: Address): boolean {
  const { protocol, hostname: name, port } = new URL(mirror);
  return isItself(`${name}:${port || (protocol === "http:" ? "80" : "443")}`, own);
}
