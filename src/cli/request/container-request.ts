import { messageOf } from "../../base/errors.ts";
import { type ContainerRequest, defaultRequest, type ResourceRequest } from "../../container/request.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { ContainerValues } from "./container-flags.ts";
import { environmentOf, labelsOf } from "./environment.ts";
import { tmpfsRequest, volumeRequest } from "./mount.ts";

/** What a command line asks for. */
export interface RequestInput {
  readonly values: ContainerValues;
  /** IMAGE and what follows it. */
  readonly args: readonly string[];
  /** Nothing is attached to. */
  readonly detached: boolean;
}

/** The request that a command line means. @throws {CliError} when a file of variables or labels can't be read */
export function containerRequest(
  { values, args, detached }: RequestInput,
  io: Pick<Terminal, "env" | "cwd">,
): ContainerRequest {
  const [image = "", ...command] = args;
  const base = defaultRequest(image);
  return {
    ...base,
    command,
    env: environmentOf({ files: values["env-file"], variables: values.env }, io.env),
    labels: labelsOf({ files: values["label-file"], labels: values.label }),
    groupAdd: values["group-add"],
    terminal: values.tty,
    openStdin: values.interactive,
    ...attached(values, detached),
    autoRemove: values.rm,
    network: networkOf(values),
    extraHosts: values["add-host"],
    dns: values.dns,
    volumes: [
      ...values.volume.map((text) => volumeRequest(text, io.cwd)),
      ...values.mount.flatMap((mount) => (mount.type === "volume" ? [mount.volume] : [])),
    ],
    tmpfs: [
      ...values.tmpfs.map(tmpfsRequest),
      ...values.mount.flatMap((mount) => (mount.type === "tmpfs" ? [mount.tmpfs] : [])),
    ],
    resources: resourcesOf(values),
    privileged: values.privileged,
    readonlyRootfs: values["read-only"],
    capAdd: values["cap-add"],
    capDrop: values["cap-drop"],
    securityOpt: values["security-opt"],
    sysctls: Object.fromEntries(values.sysctl),
    ulimits: values.ulimit,
    ...optional({
      name: values.name,
      platform: platformOf(values.platform ?? io.env["DOCKER_DEFAULT_PLATFORM"]),
      entrypoint: values.entrypoint === undefined ? undefined : [values.entrypoint],
      workingDir: values.workdir,
      user: values.user,
      hostname: values.hostname,
      shmSize: values["shm-size"],
      stopSignal: values["stop-signal"],
      stopTimeout: values["stop-timeout"],
    }),
  };
}

function platformOf(text: string | undefined): Platform | undefined {
  try {
    return text === undefined || text === "" ? undefined : parsePlatform(text);
  } catch (error) {
    throw new CliError(`error parsing specified platform: ${messageOf(error)}`, { cause: error });
  }
}

function attached(
  values: ContainerValues,
  detached: boolean,
): Pick<ContainerRequest, "attachStdin" | "attachStdout" | "attachStderr"> {
  const streams = values.attach;
  const all = streams.length === 0;
  return {
    attachStdin: !detached && (values.interactive || streams.includes("stdin")),
    attachStdout: !detached && (all || streams.includes("stdout")),
    attachStderr: !detached && (all || streams.includes("stderr")),
  };
}

function networkOf({ network, net }: ContainerValues): ContainerRequest["network"] {
  return network ?? net ?? "bridge";
}

/** Zero means "no limit" in each of Docker's flags. */
function resourcesOf(values: ContainerValues): ResourceRequest {
  return optional({
    memory: values.memory || undefined,
    memorySwap: values["memory-swap"] || undefined,
    nanoCpus: values.cpus || undefined,
    cpuShares: values["cpu-shares"] || undefined,
    cpusetCpus: values["cpuset-cpus"] || undefined,
    cpusetMems: values["cpuset-mems"] || undefined,
    pidsLimit: values["pids-limit"] || undefined,
  });
}

type Optional<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** The properties that have a value. */
function optional<T extends object>(properties: T): Optional<T> {
  return Object.fromEntries(Object.entries(properties).filter(([, given]) => given !== undefined)) as Optional<T>;
}
