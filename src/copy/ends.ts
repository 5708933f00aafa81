import type { Operation } from "../base/operation.ts";
import type { Target } from "../image/resolve.ts";
import type { Digest } from "../oci/digest.ts";
import type { Reference } from "../oci/reference.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import type { Destination, SendOptions } from "../registry/send.ts";
import type { ShippedManifest } from "../registry/shipment.ts";
import type { ImageReader } from "../registry/tree.ts";

/** An image that can be read. Who reads checks no digests of what isn't at a registry: that is done. */
export interface OpenedSource {
  readonly reader: ImageReader;
  /** What the name leads to: a manifest, or an index. */
  readonly root: RemoteManifest;
  /** True where the manifest was made just now, for what has none: nobody else knows its digest. */
  readonly isMade?: boolean;
  /** Where it is at a registry. */
  readonly repository?: Pick<Reference, "domain" | "path">;
  /** What a manifest or an index of it is in the store, where it comes from there. */
  readonly targetOf?: (digest: Digest) => Target | undefined;
}

/** Where an image is being written. What wasn't finished when it is disposed is gone. */
export interface OpenedDestination extends AsyncDisposable {
  readonly to: Destination;
  /** How many blobs it takes at once, and where it may have them from. */
  readonly how: Pick<SendOptions, "most" | "mountFrom">;
  /** A directory on the disk that is written to; undefined where it isn't this machine's. */
  readonly directory: string | undefined;
  /** Give what was sent its name, and make it visible. */
  finish(top: ShippedManifest, operation: Operation): Promise<void>;
}

/** Blobs that are written to a disk at once. */
export const atOnce = 4;
