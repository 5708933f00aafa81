import type { Healthcheck } from "../oci/image-config.ts";
import type { Platform } from "../oci/platform.ts";

/** What a user asks of a container, complete: what `create` stores and `inspect` shows again. Lists are never absent. */
export interface ContainerRequest {
  /** Name, ID or ID prefix of an image. */
  readonly image: string;
  /** Which of an image's platforms; this machine's, where it is there, when absent. */
  readonly platform?: Platform;
  /** Name of the container; one is made up when absent. */
  readonly name?: string;
  /** Replaces the image's CMD when not empty. */
  readonly command: readonly string[];
  /** Replaces the image's ENTRYPOINT, and drops its CMD; empty strings only reset it. */
  readonly entrypoint?: readonly string[];
  /** `NAME=value`, added to the image's. */
  readonly env: readonly string[];
  readonly workingDir?: string;
  /** `user`, `uid`, `user:group`. */
  readonly user?: string;
  readonly groupAdd: readonly string[];
  readonly hostname?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly terminal: boolean;
  /** Keep standard input open. */
  readonly openStdin: boolean;
  /** Which streams the creator attaches to; shown by `inspect`. */
  readonly attachStdin: boolean;
  readonly attachStdout: boolean;
  readonly attachStderr: boolean;
  readonly autoRemove: boolean;
  readonly network: "bridge" | "host" | "none";
  /** `name:address` lines for /etc/hosts. */
  readonly extraHosts: readonly string[];
  readonly dns: readonly string[];
  readonly volumes: readonly VolumeRequest[];
  readonly tmpfs: readonly TmpfsRequest[];
  readonly resources: ResourceRequest;
  readonly privileged: boolean;
  readonly readonlyRootfs: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** `seccomp=unconfined` or `seccomp=` and a profile as JSON, `apparmor=NAME`, `no-new-privileges`, `label=disable`. */
  readonly securityOpt: readonly string[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly ulimits: readonly Ulimit[];
  /** Bytes; 64 MiB when absent. */
  readonly shmSize?: number;
  /** Signal that `stop` sends first, name or number. */
  readonly stopSignal?: string;
  /** Seconds that `stop` waits before it kills. */
  readonly stopTimeout?: number;
  readonly healthcheck?: Healthcheck;
}

/** One `-v` or `--mount`: a directory of the host, or a volume by name; an anonymous volume when it has no source. */
export interface VolumeRequest {
  readonly kind: "bind" | "volume";
  /** Absolute path on the host, or the volume's name. */
  readonly source?: string;
  /** Absolute path in the container. */
  readonly target: string;
  readonly readonly: boolean;
  readonly propagation?: string;
  /** Options of a `-v` as they were written; absent for a `--mount`. */
  readonly mode?: string;
  /** `-v` makes a missing source directory, `--mount` refuses it. */
  readonly createSource: boolean;
  /** Don't fill a new volume from the image. */
  readonly noCopy: boolean;
}

/** One `--tmpfs`. */
export interface TmpfsRequest {
  readonly target: string;
  /** mount(8) options, as `size=64m`. */
  readonly options: readonly string[];
}

/** Limits; what is absent isn't limited. */
export interface ResourceRequest {
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of memory and swap together; -1 for no limit. */
  readonly memorySwap?: number;
  /** Billionths of a CPU. */
  readonly nanoCpus?: number;
  readonly cpuShares?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
}

/** One `--ulimit`, `name` as `nofile`. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** A request for `image` with everything else as Docker has it by default. */
export function defaultRequest(image: string): ContainerRequest {
  return {
    image,
    command: [],
    env: [],
    groupAdd: [],
    labels: {},
    terminal: false,
    openStdin: false,
    attachStdin: false,
    attachStdout: true,
    attachStderr: true,
    autoRemove: false,
    network: "bridge",
    extraHosts: [],
    dns: [],
    volumes: [],
    tmpfs: [],
    resources: {},
    privileged: false,
    readonlyRootfs: false,
    capAdd: [],
    capDrop: [],
    securityOpt: [],
    sysctls: {},
    ulimits: [],
  };
}
