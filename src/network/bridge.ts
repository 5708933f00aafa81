import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomHex } from "../base/ids.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { sha256 } from "../base/sha256.ts";
import { ExecError, exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { defaultPools, firstFreeSubnet } from "./address-pool.ts";
import { bridgeCommands } from "./link-commands.ts";
import { type Route, readInterfaces, readRoutes } from "./route-table.ts";
import { natRuleset } from "./ruleset.ts";
import { overlaps, type Subnet } from "./subnet.ts";

/** The name of an engine's default bridge and of its nftables table: two engines in different places have different ones. */
export function bridgeName(host: Pick<Host, "root" | "runRoot">): string {
  const digest = sha256(`${host.root}\0${host.runRoot}`);
  return `berth-${digest.slice(0, 8)}`;
}

/** A name that no interface has yet for the host end of a container's veth pair; it tells which bridge it belongs to. */
export function newLinkName(bridge: string): string {
  const taken = readInterfaces();
  for (;;) {
    const name = linkPrefix(bridge) + randomHex(3);
    if (!taken.has(name)) return name;
  }
}

/** The subnet of a bridge that is up and has its address; undefined when it is missing or broken. */
export function liveSubnet(bridge: string): Subnet | undefined {
  return readRoutes().find((route) => route.device === bridge);
}

/**
 * Make the bridge, or mend what is left of it, and let its packets out. Many processes may do so at once: the first does the work.
 *
 * @param preferred the subnet that it had before; another is taken when some other interface has that one by now
 * @returns its subnet
 */
export async function raiseBridge(
  host: Pick<Host, "syscalls" | "runRoot">,
  bridge: string,
  options: Operation & { readonly preferred: Subnet | undefined },
): Promise<Subnet> {
  using _lock = await lockNamespace(host, options.signal);
  const live = liveSubnet(bridge);
  if (live !== undefined) return live;
  await removeAbandoned();
  const interfaces = [...readInterfaces()];
  const orphans = interfaces.filter((name) => name.startsWith(linkPrefix(bridge)));
  const subnet = chooseSubnet(readRoutes(), options.preferred, orphans.length > 0);
  const plan = { bridge, subnet, exists: interfaces.includes(bridge), orphans, owner: host.runRoot };
  await exec(["ip", "-batch", "-"], { ...options, stdin: bridgeCommands(plan) });
  await applyRules(bridge, subnet);
  return subnet;
}

/**
 * Put the firewall rules back when somebody has flushed them, as a restart of a firewall service does.
 * Looked after at most every ten seconds: starting `nft` takes as long as all the rest of connecting a container.
 */
export async function ensureRules(host: Pick<Host, "runRoot">, bridge: string, subnet: Subnet): Promise<void> {
  const stamp = join(host.runRoot, "rules-checked");
  const checked = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.abs(Date.now() - checked) < 10_000) return;
  try {
    await exec(["nft", "list", "table", "ip", bridge]);
  } catch (error) {
    if (!(error instanceof ExecError)) throw error;
    await applyRules(bridge, subnet);
  }
  writeFileSync(stamp, "");
}

/** Take a bridge and its rules away. Nothing happens when they are not there. */
export async function removeBridge(bridge: string): Promise<void> {
  if (readInterfaces().has(bridge)) await exec(["ip", "link", "delete", bridge]);
  await exec(["nft", "-f", "-"], { stdin: `add table ip ${bridge}\ndelete table ip ${bridge}\n` });
}

async function applyRules(bridge: string, subnet: Subnet): Promise<void> {
  const forwarding = "/proc/sys/net/ipv4/ip_forward";
  if (readFileSync(forwarding, "latin1").trim() !== "1") writeFileSync(forwarding, "1");
  await exec(["nft", "-f", "-"], { stdin: natRuleset(bridge, [{ bridge, subnet }]) });
}

/**
 * Take away the bridges of engines whose run root is gone, or their subnets would be used up one day (a test that makes
 * an engine in a temporary directory deletes the directory). One that still has containers stays.
 */
async function removeAbandoned(): Promise<void> {
  const interfaces = [...readInterfaces()];
  const idle = interfaces.filter(
    (name) => isOurs(name) && !interfaces.some((link) => link.startsWith(linkPrefix(name))),
  );
  if (idle.length === 0) return;
  const { stdout } = await exec(["ip", "-json", "link", "show", "type", "bridge"]);
  const bridges = JSON.parse(stdout) as readonly { readonly ifname: string; readonly ifalias?: string }[];
  for (const { ifname, ifalias } of bridges) {
    if (idle.includes(ifname) && ifalias !== undefined && !existsSync(ifalias)) await removeBridge(ifname);
  }
}

function isOurs(bridge: string): boolean {
  return /^berth-[0-9a-f]{8}$/.test(bridge);
}

/** Containers that have lost their bridge keep their addresses, whatever else has come up since. */
function chooseSubnet(routes: readonly Route[], preferred: Subnet | undefined, inUse: boolean): Subnet {
  const free = (subnet: Subnet): boolean => !routes.some((route) => overlaps(route, subnet));
  return preferred !== undefined && (inUse || free(preferred)) ? preferred : firstFreeSubnet(defaultPools, routes);
}

function linkPrefix(bridge: string): string {
  return `v${bridge.slice(-8)}`;
}

/**
 * A lock on the network namespace itself, so that engines that know nothing of each other choose their subnets one after the other:
 * flock(2) on the file that stands for the namespace.
 */
async function lockNamespace(host: Pick<Host, "syscalls">, signal: AbortSignal | undefined): Promise<Disposable> {
  const fd = openSync("/proc/self/ns/net", "r");
  try {
    while (!host.syscalls.tryFlock(fd, "exclusive")) await sleep(5, undefined, stoppedBy(signal));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return { [Symbol.dispose]: () => closeSync(fd) };
}
