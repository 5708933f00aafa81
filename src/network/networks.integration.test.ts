import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { enterPrivateNetwork, type NetworkNamespace, networkNamespace } from "../../test/support/private-network.ts";
import { randomID } from "../base/ids.ts";
import { scratchOfTest } from "../base/testing.ts";
import { linux } from "../host/syscalls.ts";
import { openDatabase, openState } from "../metadata/open.ts";
import { removeBridge } from "./bridge.ts";
import { type Networks, openNetworks } from "./networks.ts";
import { readInterfaces } from "./route-table.ts";

beforeAll(() => enterPrivateNetwork());

interface Place {
  readonly root: string;
  readonly runRoot: string;
}

function newPlace(): Place {
  const directory = scratchOfTest("network");
  return { root: join(directory, "root"), runRoot: join(directory, "run") };
}

/** The networks as one of many processes sees them: with database connections of its own. */
async function open(place: Place): Promise<Networks & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await openDatabase(place));
  const state = stack.use(await openState(place));
  const networks = openNetworks({ host: { ...place, syscalls: linux }, database, state });
  stack.defer(async () => {
    const { bridge } = await networks.defaultNetwork();
    if (bridge !== undefined && readInterfaces().has(bridge)) await removeBridge(bridge);
  });
  const owned = stack.move();
  return { ...networks, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const ip = (...args: readonly string[]): string => execFileSync("ip", args, { encoding: "utf8" });

/** True when one echo request from `from` is answered within some seconds: more than a busy machine needs. */
function reaches(from: NetworkNamespace, address: string, seconds = 30): boolean {
  try {
    from.run("busybox", "ping", "-c", "1", "-W", String(seconds), address);
    return true;
  } catch {
    return false;
  }
}

test("two containers reach each other, the host and their own loopback", async () => {
  await using networks = await open(newPlace());
  await using first = await networkNamespace();
  await using second = await networkNamespace();
  const network = await networks.defaultNetwork();
  const a = await networks.attach(randomID(), network, { pid: first.pid });
  const b = await networks.attach(randomID(), network, { pid: second.pid });
  expect([a.address, b.address, a.gateway]).toEqual(["172.17.0.2", "172.17.0.3", "172.17.0.1"]);
  expect(reaches(first, b.address)).toBe(true);
  expect(reaches(second, a.gateway)).toBe(true);
  expect(reaches(first, "127.0.0.1")).toBe(true);
  expect(await networks.get("bridge")).toMatchObject({ subnet: "172.17.0.0/16", gateway: "172.17.0.1" });
});

test("a container reaches what the host reaches, with the host's address; nobody out there reaches the container", async () => {
  await using networks = await open(newPlace());
  await using inside = await networkNamespace();
  await using outside = await networkNamespace();
  ip("link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", String(outside.pid));
  ip("address", "add", "198.51.100.1/24", "dev", "uplink");
  ip("link", "set", "uplink", "up");
  outside.run("ip", "address", "add", "198.51.100.2/24", "dev", "eth0");
  outside.run("ip", "link", "set", "eth0", "up");
  const endpoint = await networks.attach(randomID(), await networks.defaultNetwork(), { pid: inside.pid });
  expect(reaches(inside, "198.51.100.2")).toBe(true);
  outside.run("ip", "route", "add", "172.17.0.0/16", "via", "198.51.100.1");
  expect(reaches(outside, endpoint.gateway)).toBe(true);
  expect(reaches(outside, endpoint.address, 1)).toBe(false);
});

test("twenty processes that attach at once make one bridge and get twenty addresses", async () => {
  const place = newPlace();
  await using stack = new AsyncDisposableStack();
  const attached = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const networks = stack.use(await open(place));
      const namespace = stack.use(await networkNamespace());
      const endpoint = await networks.attach(randomID(), await networks.defaultNetwork(), { pid: namespace.pid });
      return { namespace, endpoint };
    }),
  );
  expect(new Set(attached.map(({ endpoint }) => endpoint.address)).size).toBe(20);
  expect(new Set(attached.map(({ endpoint }) => endpoint.networkID)).size).toBe(1);
  expect(attached.filter(({ namespace, endpoint }) => !reaches(namespace, endpoint.gateway))).toEqual([]);
});

test("an address is free again after its container was released, and the same as long as it was not", async () => {
  await using networks = await open(newPlace());
  const network = await networks.defaultNetwork();
  const [first, second] = [randomID(), randomID()];
  const endpoint = await networks.reserve(first, network);
  expect(await networks.reserve(first, network)).toEqual(endpoint);
  expect(networks.endpoints(first)).toEqual([endpoint]);
  await networks.release(first);
  expect(networks.endpoints(first)).toEqual([]);
  expect((await networks.reserve(second, network)).address).toBe(endpoint.address);
});

test("a subnet that somebody else routes is left alone, another engine's too", async () => {
  await using one = await open(newPlace());
  await using two = await open(newPlace());
  ip("link", "add", "other", "type", "bridge");
  ip("address", "add", "172.17.99.1/24", "dev", "other");
  ip("link", "set", "other", "up");
  const [a, b] = await Promise.all(
    [one, two].map(async (networks) => networks.reserve(randomID(), await networks.defaultNetwork())),
  );
  ip("link", "delete", "other");
  expect([a?.gateway, b?.gateway].sort()).toEqual(["172.18.0.1", "172.19.0.1"]);
  expect(a?.bridge).not.toBe(b?.bridge);
});

test("a bridge that somebody deleted comes back with the containers that were on it", async () => {
  await using networks = await open(newPlace());
  await using first = await networkNamespace();
  await using second = await networkNamespace();
  const network = await networks.defaultNetwork();
  const a = await networks.attach(randomID(), network, { pid: first.pid });
  ip("link", "delete", a.bridge);
  const b = await networks.attach(randomID(), network, { pid: second.pid });
  expect(b.gateway).toBe(a.gateway);
  expect(reaches(second, a.address)).toBe(true);
});

test("the bridge of an engine whose directories are gone is taken away by the next engine; others stay", async () => {
  const [gone, kept] = [newPlace(), newPlace()];
  const bridges: string[] = [];
  for (const place of [gone, kept]) {
    using database = await openDatabase(place);
    using state = await openState(place);
    const networks = openNetworks({ host: { ...place, syscalls: linux }, database, state });
    bridges.push((await networks.reserve(randomID(), await networks.defaultNetwork())).bridge);
  }
  rmSync(gone.runRoot, { recursive: true });
  await using other = await open(newPlace());
  await other.reserve(randomID(), await other.defaultNetwork());
  expect(bridges.map((bridge) => readInterfaces().has(bridge))).toEqual([false, true]);
  await removeBridge(bridges[1] ?? "");
});

test("rules that somebody flushed come back", async () => {
  await using networks = await open(newPlace());
  await using namespace = await networkNamespace();
  const network = await networks.defaultNetwork();
  await networks.reserve(randomID(), network);
  execFileSync("nft", ["flush", "ruleset"]);
  const { bridge } = await networks.attach(randomID(), network, { pid: namespace.pid });
  expect(execFileSync("nft", ["list", "table", "ip", bridge], { encoding: "utf8" })).toContain("masquerade");
  expect(readFileSync("/proc/sys/net/ipv4/ip_forward", "latin1").trim()).toBe("1");
});

test("every engine has the three networks of Docker, by name and by ID", async () => {
  await using networks = await open(newPlace());
  const list = await networks.list();
  expect(list.map(({ name, driver }) => [name, driver])).toEqual([
    ["bridge", "bridge"],
    ["host", "host"],
    ["none", "null"],
  ]);
  const host = await networks.get("host");
  expect(await networks.get(host.id.slice(0, 12))).toEqual(host);
  await expect(networks.get("nope")).rejects.toThrow("network nope not found");
});
