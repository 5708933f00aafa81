import type { ContainerRequest, VolumeRequest } from "../container/request.ts";
import { maskedPaths, readonlyPaths } from "../oci/hidden-paths.ts";
import { defaultShmSize } from "../oci/runtime-spec.ts";
import { entered, filled } from "./config-json.ts";

/** `HostConfig`: what a container was asked to have of its host. @see Docker Engine API, HostConfig */
export type HostConfigJSON = Readonly<Record<string, unknown>>;

/** Whose cgroups a container sees: where cgroups are v2 its own, else the host's. */
export type CgroupNamespace = "host" | "private";

/** A request in the fields of Docker's `HostConfig`, those that it can't ask for with Docker's own defaults. */
export function toHostConfigJSON(request: ContainerRequest, cgroups: CgroupNamespace): HostConfigJSON {
  const { privileged } = request;
  return {
    Binds: filled(
      request.volumes.filter(({ createSource, source }) => createSource && source !== undefined).map(bindText),
    ),
    ContainerIDFile: "",
    LogConfig: { Type: "json-file", Config: {} },
    NetworkMode: request.network,
    PortBindings: {},
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
    AutoRemove: request.autoRemove,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: filled(request.capAdd),
    CapDrop: filled(request.capDrop),
    CgroupnsMode: cgroups,
    Dns: request.dns,
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: filled(request.extraHosts),
    GroupAdd: filled(request.groupAdd),
    IpcMode: "private",
    Cgroup: "",
    Links: null,
    OomScoreAdj: 0,
    PidMode: "",
    Privileged: privileged,
    PublishAllPorts: false,
    ReadonlyRootfs: request.readonlyRootfs,
    SecurityOpt: filled(request.securityOpt),
    ...tmpfsOf(request),
    ...(entered(request.sysctls) === null ? {} : { Sysctls: request.sysctls }),
    UTSMode: "",
    UsernsMode: "",
    ShmSize: request.shmSize ?? defaultShmSize,
    Runtime: "crun",
    Isolation: "",
    ...resourcesOf(request),
    ...mountsOf(request),
    MaskedPaths: privileged ? null : maskedPaths,
    ReadonlyPaths: privileged ? null : readonlyPaths,
  };
}

function tmpfsOf({ tmpfs }: ContainerRequest): Readonly<Record<string, unknown>> {
  if (tmpfs.length === 0) return {};
  return { Tmpfs: Object.fromEntries(tmpfs.map(({ target, options }) => [target, options.join(",")])) };
}

function resourcesOf({ resources, ulimits }: ContainerRequest): Readonly<Record<string, unknown>> {
  const { memory = 0, memorySwap } = resources;
  return {
    CpuShares: resources.cpuShares ?? 0,
    Memory: memory,
    NanoCpus: resources.nanoCpus ?? 0,
    CgroupParent: "",
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: resources.cpusetCpus ?? "",
    CpusetMems: resources.cpusetMems ?? "",
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: memorySwap ?? memory * 2,
    MemorySwappiness: null,
    OomKillDisable: null,
    PidsLimit: resources.pidsLimit ?? null,
    Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** `--mount`, which `Binds` doesn't show. */
function mountsOf({ volumes }: ContainerRequest): Readonly<Record<string, unknown>> {
  const mounts = volumes.filter((volume) => !volume.createSource);
  if (mounts.length === 0) return {};
  return {
    Mounts: mounts.map(({ kind, source, target, readonly, propagation, noCopy }) => ({
      Type: kind,
      ...(source === undefined ? {} : { Source: source }),
      Target: target,
      ...(readonly ? { ReadOnly: true } : {}),
      ...(propagation === undefined ? {} : { BindOptions: { Propagation: propagation } }),
      ...(noCopy ? { VolumeOptions: { NoCopy: true, DriverConfig: {} } } : {}),
    })),
  };
}

function bindText({ source = "", target, mode = "" }: VolumeRequest): string {
  return [source, target, ...(mode === "" ? [] : [mode])].join(":");
}
