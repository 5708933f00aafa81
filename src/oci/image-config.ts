import { BerthError } from "../base/errors.ts";
import { type DiffID, isDigest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** Durations in nanoseconds, as in Docker's JSON. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** How a container of the image starts, unless `run` says otherwise. @see image-spec v1.1 config.md#properties */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
}

/** One line of `history`. Layers correspond to the entries without `empty_layer`, in order. */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The image config, whose digest is the image ID. @see image-spec v1.1 config.md */
export interface ImageConfig extends Platform {
  /** RFC 3339, nanoseconds allowed. */
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly DiffID[] };
  readonly history?: readonly HistoryEntry[];
}

/**
 * Read an image config. Programs in Go write null where they have nothing: such a field counts as absent.
 *
 * @throws {BerthError} invalid-argument, when the bytes are no JSON object, or `os`, `architecture` or `rootfs` are missing or malformed
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value: unknown = JSON.parse(text, (_, field: unknown) => (field === null ? undefined : field));
  if (!isImageConfig(value))
    throw new BerthError("invalid-argument", "invalid image config: os, architecture or rootfs");
  return value;
}

function isImageConfig(value: unknown): value is ImageConfig {
  if (typeof value !== "object" || value === null) return false;
  const { os, architecture, rootfs } = value as Record<string, unknown>;
  if (typeof os !== "string" || typeof architecture !== "string") return false;
  if (typeof rootfs !== "object" || rootfs === null) return false;
  const { diff_ids } = rootfs as Record<string, unknown>;
  return Array.isArray(diff_ids) && Array.from<unknown>(diff_ids).every((id) => typeof id === "string" && isDigest(id));
}
