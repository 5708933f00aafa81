import type { Endpoint, Network } from "../network/network.ts";

/** What `inspect` prints of a network. @see Docker Engine API, Network */
export interface NetworkJSON {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: "local";
  readonly Driver: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Driver: "default";
    readonly Options: null;
    readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string }[] | null;
  };
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom: { readonly Network: "" };
  readonly ConfigOnly: boolean;
  readonly Containers: Readonly<Record<string, NetworkContainerJSON>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly Labels: Readonly<Record<string, string>>;
}

/** A container in a network. */
export interface NetworkContainerJSON {
  readonly Name: string;
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly IPv4Address: string;
  readonly IPv6Address: string;
}

/** A container that is in the network, and where. */
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly endpoint: Endpoint;
}

/** A network as the Engine API shows it. */
export function toNetworkJSON(network: Network, members: readonly Member[] = []): NetworkJSON {
  const { subnet, gateway, bridge } = network;
  const pool = subnet === undefined ? [] : [{ Subnet: subnet, ...(gateway === undefined ? {} : { Gateway: gateway }) }];
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: network.driver === "bridge" ? pool : null },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(members.map((member) => [member.id, toMemberJSON(member)])),
    Options: bridge === undefined ? {} : { "com.docker.network.bridge.name": bridge },
    Labels: network.labels,
  };
}

function toMemberJSON({ name, endpoint }: Member): NetworkContainerJSON {
  return {
    Name: name,
    EndpointID: endpoint.endpointID,
    MacAddress: endpoint.mac,
    IPv4Address: `${endpoint.address}/${endpoint.prefixLength}`,
    IPv6Address: "",
  };
}
