/** Bytes that `/dev/shm` has unless asked otherwise. @see Docker CLI reference, `run --shm-size` */
export const defaultShmSize: number = 64 << 20;

/** The JSON of a bundle's `config.json`, as far as berth writes it. @see runtime-spec v1.1 config.md */
export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: ProcessSpec;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  readonly mounts: readonly SpecMount[];
  readonly linux: LinuxSpec;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hooks?: Readonly<Partial<Record<HookPoint, readonly Hook[]>>>;
}

/** When a hook is run. */
export type HookPoint = "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart" | "poststop";

/** A program that the runtime runs. @see runtime-spec v1.1 config.md#posix-platform-hooks */
export interface Hook {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/** What to run. @see runtime-spec v1.1 config.md#process */
export interface ProcessSpec {
  readonly terminal: boolean;
  /** The terminal's size at the start, in characters. */
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: SpecUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly capabilities: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
}

/** Numeric identity of a process. */
export interface SpecUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

/** The five capability sets, names as `CAP_CHOWN`. */
export interface Capabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

/** One resource limit, `type` as `RLIMIT_NOFILE`. */
export interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** @see runtime-spec v1.1 config.md#mounts */
export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** @see runtime-spec v1.1 config-linux.md */
export interface LinuxSpec {
  readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
  /** From the hierarchy's root. */
  readonly cgroupsPath?: string;
  readonly resources: object;
  readonly seccomp?: object;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly devices?: readonly object[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly rootfsPropagation?: string;
}
