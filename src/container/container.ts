import type { ChainID, Digest } from "../oci/digest.ts";
import type { RunConfig } from "../oci/image-config.ts";
import type { Platform } from "../oci/platform.ts";
import type { ContainerRequest } from "./request.ts";

/** How a container ended. */
export interface ContainerExit {
  /** The command's own, or 128 and the signal's number; 255 when nobody was left to see it. */
  readonly code: number;
  readonly oomKilled: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Why it could not start, where that is so. */
  readonly error?: string;
}

/** Where a container is in its life. Each variant has only what is true in it. */
export type ContainerState =
  | { readonly status: "created" }
  | { readonly status: "running" | "paused"; readonly pid: number; readonly startedAt: string }
  | ({ readonly status: "exited" } & ContainerExit);

/** Its address on the network that it is attached to; only while it runs. */
export interface ContainerEndpoint {
  readonly networkID: string;
  readonly networkName: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly mac: string;
}

/** Where a mounted volume or directory comes from. */
export interface ContainerMount {
  readonly kind: "bind" | "volume";
  /** The volume's name; undefined for a directory of the host. */
  readonly name?: string;
  /** Absolute path on the host. */
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  readonly propagation: string;
  /** Options as `inspect` shows them; containers of older versions have none. */
  readonly mode?: string;
}

/** What was settled when the container was made: request and image put together. */
export interface ContainerConfig extends RunConfig {
  /** Entrypoint and command, never empty. */
  readonly args: readonly string[];
  readonly hostname: string;
  readonly mounts: readonly ContainerMount[];
}

/** An image that a container was made of before it was here as a whole. */
export interface ComingImage {
  /** With its digest: what is pulled where nobody does it any more. */
  readonly name: string;
  /** The name that the user gave, as Docker shows it. */
  readonly reference: string;
  readonly platform?: Platform;
  /** Its layers. */
  readonly chainID: ChainID;
  /** Those of them that were here when the container was made. */
  readonly below: ChainID | undefined;
}

/** A container as the store knows it. */
export interface Container {
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly imageID: Digest;
  /** The image's layers, which the read-write layer lies on; undefined for an empty image. */
  readonly chainID: ChainID | undefined;
  /** Absent once all layers are recorded. */
  readonly coming?: ComingImage;
  /** RFC 3339. */
  readonly created: string;
  readonly request: ContainerRequest;
  readonly config: ContainerConfig;
  readonly state: ContainerState;
  readonly endpoint: ContainerEndpoint | undefined;
  /** Files of its own: /etc/hosts, /etc/hostname, /etc/resolv.conf, the log. Absolute. */
  readonly directory: string;
}

/** True for one that is running, or paused. */
export function isActive({ state }: Pick<Container, "state">): boolean {
  return state.status === "running" || state.status === "paused";
}
