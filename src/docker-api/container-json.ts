import { join } from "node:path";
import type { Container, ContainerEndpoint, ContainerMount, ContainerState } from "../container/container.ts";
import type { OverlayPaths } from "../snapshot/overlay-mount.ts";
import { type ConfigJSON, toConfigJSON } from "./config-json.ts";
import { type GraphDriverJSON, toGraphDriverJSON } from "./graph-driver-json.ts";
import { type CgroupNamespace, type HostConfigJSON, toHostConfigJSON } from "./host-config-json.ts";
import { zeroTime } from "./image-json.ts";

/** `State` of a container. @see Docker Engine API, ContainerState */
export interface StateJSON {
  readonly Status: ContainerState["status"];
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled: boolean;
  readonly Dead: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  readonly StartedAt: string;
  readonly FinishedAt: string;
}

/** One of `Mounts`. @see Docker Engine API, MountPoint */
export interface MountJSON {
  readonly Type: "bind" | "volume";
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string;
  readonly Mode: string;
  readonly RW: boolean;
  readonly Propagation: string;
}

/** What `container inspect` prints. @see Docker Engine API, ContainerInspectResponse */
export interface ContainerJSON {
  readonly Id: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: StateJSON;
  readonly Image: string;
  readonly ResolvConfPath: string;
  readonly HostnamePath: string;
  readonly HostsPath: string;
  readonly LogPath: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly Driver: "overlay2";
  readonly Platform: string;
  readonly MountLabel: string;
  readonly ProcessLabel: string;
  readonly AppArmorProfile: string;
  readonly ExecIDs: null;
  readonly HostConfig: HostConfigJSON;
  readonly GraphDriver: GraphDriverJSON;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly Mounts: readonly MountJSON[];
  readonly Config: ConfigJSON;
  readonly NetworkSettings: Readonly<Record<string, unknown>>;
}

/** What a container alone doesn't tell. */
export interface ContainerDetails {
  readonly layers: OverlayPaths;
  readonly cgroups: CgroupNamespace;
  /** Bytes of its own layer, and of that and its image together. */
  readonly size?: { readonly rw: number; readonly rootFs: number };
}

/** A container as the Engine API shows it. */
export function toContainerJSON(container: Container, details: ContainerDetails): ContainerJSON {
  const { config, directory, endpoint } = container;
  const [path = "", ...args] = config.args;
  return {
    Id: container.id,
    Created: container.created,
    Path: path,
    Args: args,
    State: toStateJSON(container.state),
    Image: container.imageID,
    ResolvConfPath: join(directory, "resolv.conf"),
    HostnamePath: join(directory, "hostname"),
    HostsPath: join(directory, "hosts"),
    LogPath: join(directory, "container.log"),
    Name: `/${container.name}`,
    RestartCount: 0,
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: toHostConfigJSON(container.request, details.cgroups),
    GraphDriver: toGraphDriverJSON(details.layers, rootOf(container.state)),
    ...(details.size === undefined ? {} : { SizeRw: details.size.rw, SizeRootFs: details.size.rootFs }),
    Mounts: config.mounts.map(toMountJSON),
    Config: containerConfig(container),
    NetworkSettings: networkSettings(container.request.network, endpoint),
  };
}

function toStateJSON(state: ContainerState): StateJSON {
  const exited = state.status === "exited" ? state : undefined;
  const live = state.status === "running" || state.status === "paused" ? state : undefined;
  return {
    Status: state.status,
    Running: live !== undefined,
    Paused: state.status === "paused",
    Restarting: false,
    OOMKilled: exited?.oomKilled ?? false,
    Dead: false,
    Pid: live?.pid ?? 0,
    ExitCode: exited?.code ?? 0,
    Error: exited?.error ?? "",
    StartedAt: live?.startedAt ?? exited?.startedAt ?? zeroTime,
    FinishedAt: exited?.finishedAt ?? zeroTime,
  };
}

function containerConfig({ config, request }: Container): ConfigJSON {
  const base = toConfigJSON(config);
  return {
    ...base,
    Hostname: config.hostname,
    AttachStdin: request.attachStdin,
    AttachStdout: request.attachStdout,
    AttachStderr: request.attachStderr,
    Tty: request.terminal,
    OpenStdin: request.openStdin,
    StdinOnce: request.openStdin && request.attachStdin,
    Image: request.image,
    Labels: base.Labels ?? {},
    ...(request.stopTimeout === undefined ? {} : { StopTimeout: request.stopTimeout }),
  };
}

/** The file system of a running container, seen from its first process: only its own mount namespace has it. */
function rootOf(state: ContainerState): string | undefined {
  return state.status === "running" || state.status === "paused" ? `/proc/${state.pid}/root` : undefined;
}

function toMountJSON(mount: ContainerMount): MountJSON {
  return {
    Type: mount.kind,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.target,
    ...(mount.kind === "volume" ? { Driver: "local" } : {}),
    Mode: mount.mode ?? "",
    RW: !mount.readonly,
    Propagation: mount.propagation,
  };
}

function networkSettings(mode: string, endpoint: ContainerEndpoint | undefined): Readonly<Record<string, unknown>> {
  const address = {
    EndpointID: "",
    Gateway: endpoint?.gateway ?? "",
    GlobalIPv6Address: "",
    GlobalIPv6PrefixLen: 0,
    IPAddress: endpoint?.address ?? "",
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: "",
    MacAddress: endpoint?.mac ?? "",
  };
  return {
    Bridge: "",
    SandboxID: "",
    SandboxKey: "",
    Ports: {},
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    ...address,
    Networks: {
      [endpoint?.networkName ?? mode]: {
        IPAMConfig: null,
        Links: null,
        Aliases: null,
        DriverOpts: null,
        NetworkID: endpoint?.networkID ?? "",
        ...address,
        DNSNames: null,
      },
    },
  };
}
