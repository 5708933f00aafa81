import type { Operation } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { TypedDescriptor, UploadBody } from "./repository.ts";

/** A blob of an image on its way. */
export interface ShippedBlob {
  /** What stands for it where progress is shown: for a layer that is pushed its diffID, as Docker has it, in short. Configs have none. */
  readonly id?: string;
  /** Undefined for a layer that is compressed on its way: the end of its bytes tells. */
  readonly digest: Digest | undefined;
  /** Bytes, where they are known. */
  readonly size?: number;
  /** Bytes that it comes to about, where only the end tells: what it has in the compression that it came in. */
  readonly estimate?: number;
  readonly body: (operation: Operation) => UploadBody;
}

/** A manifest or an index as it is sent. */
export interface ShippedManifest extends TypedDescriptor {
  readonly bytes: Buffer;
}

/** An image for one platform, or what attests to one, or any other artifact. */
export interface ShippedImage {
  /** In the order in which they are sent. */
  readonly blobs: readonly ShippedBlob[];
  /** Its manifest, when the digests of its blobs are known: compresses what wasn't sent. */
  readonly manifest: (operation: Operation) => Promise<ShippedManifest>;
}

/** What is sent to a repository, or wherever images are kept. */
export interface Shipment {
  readonly images: readonly ShippedImage[];
  /** The indexes that go behind the manifests of the images, which are given in their order; the last one gets the name. */
  readonly indexes: (manifests: readonly ShippedManifest[]) => readonly ShippedManifest[];
}
