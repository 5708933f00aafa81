import type { RunConfig } from "../oci/image-config.ts";

/** `Config` of a container or an image, as the Engine API has it: what is empty is there, as null or as an empty text; what JSON leaves out is there as undefined, for templates. @see Docker Engine API, ContainerConfig */
export interface ConfigJSON {
  readonly Hostname: string;
  readonly Domainname: string;
  readonly User: string;
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly ExposedPorts?: Readonly<Record<string, object>> | undefined;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  readonly StdinOnce: boolean;
  readonly Env: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
  readonly Healthcheck?: RunConfig["Healthcheck"] | undefined;
  readonly ArgsEscaped?: boolean | undefined;
  readonly Image: string;
  readonly Volumes: Readonly<Record<string, object>> | null;
  readonly WorkingDir: string;
  readonly Entrypoint: readonly string[] | null;
  readonly OnBuild: readonly string[] | null;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string | undefined;
  readonly StopTimeout?: number | undefined;
  readonly Shell?: readonly string[] | undefined;
}

/** A `Config` of an image; {@link toContainerJSON} lays the container's own over it. */
export function toConfigJSON(config: RunConfig): ConfigJSON {
  const { ExposedPorts, Healthcheck, ArgsEscaped, StopSignal, Shell } = config;
  return {
    Hostname: "",
    Domainname: "",
    User: config.User ?? "",
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    ExposedPorts: entered(ExposedPorts) ?? undefined,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: filled(config.Env),
    Cmd: filled(config.Cmd),
    Healthcheck,
    ArgsEscaped: ArgsEscaped || undefined,
    Image: "",
    Volumes: entered(config.Volumes),
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: filled(config.Entrypoint),
    OnBuild: filled(config.OnBuild),
    Labels: entered(config.Labels),
    StopSignal: StopSignal || undefined,
    Shell,
  };
}

/** A list, or null when it is empty: Go's nil slice. */
export function filled<T>(list: readonly T[] | undefined): readonly T[] | null {
  return list === undefined || list.length === 0 ? null : list;
}

/** A map in the order of its names, as Go writes it; null when it is empty: Go's nil map. */
export function entered<T>(map: Readonly<Record<string, T>> | undefined): Readonly<Record<string, T>> | null {
  const entries = Object.entries(map ?? {});
  return entries.length === 0 ? null : Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
