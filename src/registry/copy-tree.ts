import type { Operation } from "../base/operation.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Repository } from "./repository.ts";
import { sendShipment } from "./send.ts";
import { readTree, shipmentOfTree } from "./tree.ts";

/** From where to where {@link copyTree} copies. */
export interface CopyEnds {
  readonly from: Repository;
  readonly to: Repository;
  /** Path of the first, where both are on the same registry: its blobs are mounted. */
  readonly mountFrom?: string;
}

/** How {@link copyTree} copies. */
export interface CopyOptions extends Operation {
  /** How many blobs at once, at least 1. */
  readonly concurrent: number;
}

/**
 * Copy a manifest or an index, and all that it points to, from one repository to another, by digest: what is there already isn't sent,
 * nor is anything kept here. Bytes of blobs are checked by the registry that gets them.
 *
 * @throws {BerthError} not-found; permission-denied; data-loss; invalid-argument, as `readTree`
 */
export async function copyTree(
  { from, to, mountFrom }: CopyEnds,
  { digest }: Pick<Descriptor, "digest">,
  { signal, concurrent: most }: CopyOptions,
): Promise<void> {
  const operation: Operation = signal === undefined ? {} : { signal };
  if (await to.hasManifest(digest, operation)) return;
  const root = await from.manifest(digest, operation);
  const tree = await readTree(from, root, { ...operation, isThere: (each) => to.hasManifest(each, operation) });
  const how = { ...operation, most, mountFrom: () => mountFrom };
  const top = await sendShipment(to, shipmentOfTree(from, tree), how);
  await to.putManifest(top.digest, top, operation);
}
