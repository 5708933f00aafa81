import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** What names a blob. @see image-spec v1.1 descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes as stored. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}
