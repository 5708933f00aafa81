import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Repository } from "./repository.ts";
import { type PlannedBlob, planBlobs, sendShipment } from "./send.ts";
import type { Shipment } from "./shipment.ts";
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
  ends: CopyEnds,
  { digest }: Pick<Descriptor, "digest">,
  { signal, concurrent: most }: CopyOptions,
): Promise<void> {
  const operation: Operation = stoppedBy(signal);
  const { to, mountFrom } = ends;
  const shipment = await shipmentBetween(ends, digest, operation);
  if (shipment === undefined) return;
  const top = await sendShipment(to, shipment, { ...operation, most, mountFrom: () => mountFrom });
  await to.putManifest(top.digest, top, operation);
}

/** What {@link copyTree} would do with each blob; nothing is sent. None where the destination has the manifest. @throws {BerthError} likewise */
export async function planTree(
  ends: CopyEnds,
  { digest }: Pick<Descriptor, "digest">,
  { signal, concurrent: most }: CopyOptions,
): Promise<readonly PlannedBlob[]> {
  const operation: Operation = stoppedBy(signal);
  const { to, mountFrom } = ends;
  const shipment = await shipmentBetween(ends, digest, operation);
  return shipment === undefined ? [] : planBlobs(to, shipment, { ...operation, most, mountFrom: () => mountFrom });
}

/** Undefined where the destination has it all. */
async function shipmentBetween(
  { from, to }: CopyEnds,
  digest: Digest,
  operation: Operation,
): Promise<Shipment | undefined> {
  if (await to.hasManifest(digest, operation)) return undefined;
  const root = await from.manifest(digest, operation);
  return shipmentOfTree(
    from,
    await readTree(from, root, { ...operation, isThere: (each) => to.hasManifest(each, operation) }),
  );
}
