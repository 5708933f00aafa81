import { ambiguousPrefix } from "../base/ambiguous.ts";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { sha256 } from "../base/sha256.ts";
import { exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import type { Database, Sql } from "../metadata/database.ts";
import { firstFreeAddress, gatewayOf, macOf } from "./address-pool.ts";
import { bridgeName, ensureRules, liveSubnet, newLinkName, raiseBridge } from "./bridge.ts";
import { connectScript } from "./link-commands.ts";
import type { Endpoint, Network } from "./network.ts";
import { formatSubnet, parseSubnet, type Subnet } from "./subnet.ts";

/** The engine's networks, and the containers that are in them. */
export interface Networks {
  /** The network of a container that asks for none: `bridge`. */
  defaultNetwork(): Promise<Network>;
  /** By name, ID or unique start of an ID. @throws {BerthError} not-found, with Docker's text */
  get(nameOrID: string): Promise<Network>;
  /** In the order of their names. */
  list(): Promise<readonly Network[]>;
  /**
   * Give a container an address, the same when it has one already. Raises the bridge when it isn't there.
   * @throws {BerthError} conflict, when all addresses or all address ranges are taken
   */
  reserve(containerID: string, network: Network, operation?: Operation): Promise<Endpoint>;
  /**
   * Connect the network namespace of process `pid` by an `eth0` with an address ({@link reserve} is part of it) and a default route.
   * The namespace has no `eth0` before. The kernel takes the pair of interfaces away together with the namespace;
   * the address stays taken until {@link release}, also when attaching failed.
   */
  attach(containerID: string, network: Network, options: Operation & { readonly pid: number }): Promise<Endpoint>;
  /** Forget a container that has ended: its addresses are free again. */
  release(containerID: string): Promise<void>;
  /** The networks that a container is in. */
  endpoints(containerID: string): readonly Endpoint[];
  /** The same of every container that is in one, by container ID. */
  allEndpoints(): ReadonlyMap<string, readonly Endpoint[]>;
}

/** What {@link openNetworks} stands on. */
export interface NetworkDeps {
  readonly host: Pick<Host, "root" | "runRoot" | "syscalls">;
  /** The durable database. */
  readonly database: Database;
  /** The database of what runs now. */
  readonly state: Database;
}

/** Open the networks of an engine. Nothing is made before a container needs it. */
export function openNetworks(deps: NetworkDeps): Networks {
  const named = (rows: readonly NetworkRow[]): readonly Network[] => {
    const bridge = bridgeName(deps.host);
    return rows.map((row) => toNetwork(row, bridge));
  };
  const list = async (): Promise<readonly Network[]> => {
    const known = deps.database.read(allRows);
    const rows = known.length > 0 ? known : await deps.database.write(insertBuiltin);
    return named(rows);
  };
  const get = async (nameOrID: string): Promise<Network> => find(await list(), nameOrID);
  const known = (): readonly Network[] => named(deps.database.read(allRows));
  const reserve = async (containerID: string, network: Network, operation: Operation = {}): Promise<Endpoint> =>
    toEndpoint(network, await reserveAddress(deps, { containerID, network }, operation));
  return {
    defaultNetwork: () => get("bridge"),
    get,
    list,
    reserve,
    attach: async (containerID, network, options) => {
      const endpoint = await reserve(containerID, network, options);
      await connect(deps.host, endpoint, options);
      return endpoint;
    },
    release: (containerID) =>
      deps.state.write((sql) => void sql.run("DELETE FROM endpoint WHERE container_id = ?", containerID)),
    endpoints: (containerID) => {
      const rows = deps.state.read((sql) =>
        sql.all<EndpointRow>("SELECT * FROM endpoint WHERE container_id = ? ORDER BY network_id", containerID),
      );
      return toEndpoints(rows, known());
    },
    allEndpoints: () => {
      const rows = deps.state.read((sql) => sql.all<EndpointRow>("SELECT * FROM endpoint ORDER BY network_id"));
      const networks = known();
      const byContainer = Map.groupBy(rows, ({ container_id }) => container_id);
      return new Map([...byContainer].map(([id, own]) => [id, toEndpoints(own, networks)]));
    },
  };
}

interface NetworkRow {
  readonly id: string;
  readonly name: string;
  readonly driver: Network["driver"];
  readonly subnet: string | null;
  readonly gateway: string | null;
  readonly bridge: string | null;
  readonly created: string;
  readonly labels: string;
}

interface EndpointRow {
  readonly container_id: string;
  readonly network_id: string;
  readonly address: string;
}

interface Reservation extends EndpointRow {
  readonly subnet: Subnet;
}

function allRows(sql: Sql): readonly NetworkRow[] {
  return sql.all<NetworkRow>("SELECT * FROM network ORDER BY name");
}

function insertBuiltin(sql: Sql): readonly NetworkRow[] {
  const created = new Date().toISOString();
  for (const [name, driver] of Object.entries({ bridge: "bridge", host: "host", none: "null" })) {
    sql.run(
      "INSERT INTO network (id, name, driver, created) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
      randomID(),
      name,
      driver,
      created,
    );
  }
  return allRows(sql);
}

/** The default bridge is named after the engine's places, also where a store was copied from elsewhere. */
function toNetwork(row: NetworkRow, defaultBridge: string): Network {
  const bridge = row.name === "bridge" ? defaultBridge : row.bridge;
  return {
    id: row.id,
    name: row.name,
    driver: row.driver,
    ...(row.subnet === null ? {} : { subnet: row.subnet }),
    ...(row.gateway === null ? {} : { gateway: row.gateway }),
    ...(bridge === null ? {} : { bridge }),
    created: row.created,
    labels: JSON.parse(row.labels) as Record<string, string>,
  };
}

/** A name comes before an ID, an ID before a part of one, as in Docker. */
function find(networks: readonly Network[], nameOrID: string): Network {
  const exact = networks.find(({ name }) => name === nameOrID) ?? networks.find(({ id }) => id === nameOrID);
  if (exact !== undefined) return exact;
  const matches = networks.filter(({ id }) => nameOrID !== "" && id.startsWith(nameOrID));
  const [first] = matches;
  if (first === undefined) throw new BerthError("not-found", `network ${nameOrID} not found`);
  if (matches.length === 1) return first;
  throw ambiguousPrefix({
    kind: "invalid-argument",
    message: `network ${nameOrID} is ambiguous (${matches.length} matches found based on ID prefix)`,
    candidates: matches,
  });
}

async function reserveAddress(
  deps: NetworkDeps,
  { containerID, network }: { readonly containerID: string; readonly network: Network },
  operation: Operation,
): Promise<Reservation> {
  const subnet = await raise(deps, network, operation);
  return deps.state.write((sql) => {
    const key = { container_id: containerID, network_id: network.id, subnet };
    const rows = sql.all<EndpointRow>("SELECT * FROM endpoint WHERE network_id = ?", network.id);
    const own = rows.find((row) => row.container_id === containerID);
    if (own !== undefined) return { ...key, address: own.address };
    const address = firstFreeAddress(subnet, new Set(rows.map((row) => row.address)));
    const insert = "INSERT INTO endpoint (container_id, network_id, address, mac) VALUES (?, ?, ?, ?)";
    sql.run(insert, containerID, network.id, address, macOf(address));
    return { ...key, address };
  });
}

/** The subnet of the network's bridge, which is there afterwards. The record follows the kernel, as Docker's follows `docker0`. */
async function raise({ host, database }: NetworkDeps, network: Network, operation: Operation): Promise<Subnet> {
  if (network.bridge === undefined) throw new Error(`network ${network.name} has no bridge`);
  const preferred = network.subnet === undefined ? undefined : parseSubnet(network.subnet);
  const subnet = liveSubnet(network.bridge) ?? (await raiseBridge(host, network.bridge, { ...operation, preferred }));
  const text = formatSubnet(subnet);
  if (network.subnet !== text) {
    const update = "UPDATE network SET subnet = ?, gateway = ? WHERE id = ?";
    await database.write((sql) => sql.run(update, text, gatewayOf(subnet), network.id));
  }
  return subnet;
}

async function connect(
  host: NetworkDeps["host"],
  endpoint: Endpoint,
  { pid, ...operation }: Operation & { readonly pid: number },
): Promise<void> {
  const link = newLinkName(endpoint.bridge);
  const subnet = parseSubnet(`${endpoint.gateway}/${endpoint.prefixLength}`);
  const interfaces = exec(["/bin/sh", "-ec", connectScript(link, endpoint, pid)], operation);
  await Promise.all([interfaces, ensureRules(host, endpoint.bridge, subnet)]);
}

function toEndpoints(rows: readonly EndpointRow[], networks: readonly Network[]): readonly Endpoint[] {
  return rows.flatMap((row) => {
    const network = networks.find(({ id }) => id === row.network_id);
    if (network?.subnet === undefined) return [];
    return [toEndpoint(network, { ...row, subnet: parseSubnet(network.subnet) })];
  });
}

function toEndpoint(network: Network, { container_id, address, subnet }: Reservation): Endpoint {
  return {
    networkID: network.id,
    networkName: network.name,
    endpointID: sha256(`${network.id}\0${container_id}`),
    address,
    prefixLength: subnet.length,
    gateway: gatewayOf(subnet),
    mac: macOf(address),
    bridge: network.bridge ?? "",
  };
}
