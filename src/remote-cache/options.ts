import type { LayerCompression } from "../oci/image-index.ts";
import type { GitHubPlace } from "./github.ts";
import type { S3Place } from "./s3.ts";

/** A registry's repository and tag, as they are given. */
export interface RegistryPlace {
  readonly type: "registry";
  readonly ref: string;
  /** Certificates aren't checked there, and plain HTTP will do. */
  readonly insecure: boolean;
}

/** Where a cache is read from. */
export type CacheImport = (
  | RegistryPlace
  | S3Place
  | GitHubPlace
  | { readonly type: "local"; readonly src: string; readonly tag: string; readonly digest?: string }
) & {
  /** Bring the content of cache mounts, too. */
  readonly mounts: boolean;
};

/** Where a cache goes. */
export type CacheExport = (
  | RegistryPlace
  | S3Place
  | GitHubPlace
  | {
      readonly type: "local";
      readonly dest: string;
      readonly tag: string;
      /** Delete the blobs there that no tag leads to any more. */
      readonly reset: boolean;
    }
) &
  CacheForm;

/** How a cache is written. */
export interface CacheForm {
  /** Layers of the image alone, or those of every step. */
  readonly mode: "min" | "max";
  /** Of layers that weren't compressed before; of all with `force`. */
  readonly compression: LayerCompression;
  readonly force: boolean;
  /** Of what is compressed; that of berth's own form when absent. */
  readonly level?: number;
  /** A manifest of an image; else an index. */
  readonly imageManifest: boolean;
  /** OCI's media types; else Docker's. */
  readonly ociTypes: boolean;
  /** A failure is a warning. */
  readonly ignoreError: boolean;
  /** Take the content of cache mounts along. */
  readonly mounts: boolean;
}
