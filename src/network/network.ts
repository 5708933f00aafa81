/** A network, as `network inspect` shows it. `subnet` and `gateway` are missing until the bridge was first needed. */
export interface Network {
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "null";
  /** `172.17.0.0/16` */
  readonly subnet?: string;
  readonly gateway?: string;
  /** Name of the bridge on the host. */
  readonly bridge?: string;
  /** RFC 3339. */
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A container's place in a network. */
export interface Endpoint {
  readonly networkID: string;
  readonly networkName: string;
  /** 64 hex digits, the same as long as the container is in the network. */
  readonly endpointID: string;
  /** `172.17.0.2` */
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  /** `02:42:ac:11:00:02` */
  readonly mac: string;
  readonly bridge: string;
}
