import type { MountStep } from "../steps.ts";
import type { TypedSource } from "./data.ts";
import { type FileMode, modeOf } from "./modes.ts";

/** A mount for the time of one command: {@link bind}, {@link cache}, {@link secret}, {@link ssh} or {@link tmpfs} makes one. */
export type Mount = MountStep<TypedSource>;

/** Who owns what a mount shows, and its permissions. */
export interface MountOwner {
  readonly mode?: FileMode;
  readonly uid?: number;
  readonly gid?: number;
}

/** How files are shown to a command. */
export interface BindOptions {
  /** Where they are; in the build context when absent. */
  readonly from?: TypedSource;
  /** Path there; all of it when absent. */
  readonly source?: string;
  /** True where the command may write: what it writes is gone after it. */
  readonly writable?: boolean;
}

/** Show files to a command. @param target path in the command's file system; a relative one begins at its directory */
export function bind(target: string, { from, source, writable = false }: BindOptions = {}): Mount {
  const files = { ...(from === undefined ? {} : { from }), ...(source === undefined ? {} : { source }) };
  return { type: "bind", target, readOnly: !writable, required: false, ...files };
}

/** How a command keeps a directory from one build to the next. */
export interface CacheOptions extends MountOwner {
  /** What it is known by; its path when absent. */
  readonly id?: string;
  /** Who may use it at once; `shared` when absent. */
  readonly sharing?: "shared" | "private" | "locked";
  /** What it starts with, where it is empty. */
  readonly from?: TypedSource;
  /** Path there. */
  readonly source?: string;
  readonly readOnly?: boolean;
}

/** Keep a directory from one build to the next; it is no part of the image. */
export function cache(target: string, options: CacheOptions = {}): Mount {
  const { readOnly = false, mode, ...others } = options;
  return { type: "cache", target, required: false, readOnly, ...others, ...owned({ mode }) };
}

/** How a command gets a secret. */
export interface SecretOptions extends MountOwner {
  /** Path of the file; `/run/secrets/ID` when neither this nor `env` is there. */
  readonly target?: string;
  /** Variable that it is in; with `true` that of its own name. */
  readonly env?: string | true;
  /** Fail without it. */
  readonly required?: boolean;
}

/** Give a secret to a command: it is in no layer, no cache and no history. */
export function secret(id: string, { env, mode, required = false, ...others }: SecretOptions = {}): Mount {
  const variable = env === undefined ? {} : { env: env === true ? "" : env };
  return { type: "secret", id, required, readOnly: true, ...others, ...variable, ...owned({ mode }) };
}

/** How a command gets an ssh agent. */
export interface SshOptions extends MountOwner {
  /** Path of the socket; one that `SSH_AUTH_SOCK` names when absent. */
  readonly target?: string;
  /** Fail without it. */
  readonly required?: boolean;
}

/** Give an ssh agent to a command. */
export function ssh(id: string = "default", { mode, required = false, ...others }: SshOptions = {}): Mount {
  return { type: "ssh", id, required, readOnly: true, ...others, ...owned({ mode }) };
}

/** A directory in memory, empty at first. @param size bytes; the kernel's default when absent */
export function tmpfs(target: string, { size }: { readonly size?: number } = {}): Mount {
  return { type: "tmpfs", target, required: false, readOnly: false, ...(size === undefined ? {} : { size }) };
}

function owned({ mode }: { readonly mode: FileMode | undefined }): Pick<Mount, "mode"> {
  return mode === undefined ? {} : { mode: modeOf(mode) };
}
