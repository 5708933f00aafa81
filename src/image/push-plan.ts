import { operationOf } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import { bytesSent, manifestsOf, type PlannedBlob, planBlobs } from "../registry/send.ts";
import { type PushDeps, type PushedImage, type PushedName, type PushOptions, sendingOf, shipmentFor } from "./push.ts";

/** What a push would do. */
export interface PushPlan extends PushedImage {
  /** The topmost layers first, configs last. */
  readonly blobs: readonly PlannedBlob[];
  /** What would be uploaded. */
  readonly bytes: number;
}

/**
 * Find out what {@link pushImage} would do, without sending anything. Layers that were never compressed are, to nowhere, since only that
 * tells their digests; those are recorded.
 *
 * @throws {BerthError} as {@link pushImage}
 */
export async function planPush(deps: PushDeps, name: PushedName, options: PushOptions): Promise<PushPlan> {
  const { reference } = name;
  const { signal, report } = options;
  const operation = operationOf({ signal, report });
  const repository = deps.registries.repository(reference);
  const before = await shipmentFor(deps, name, { ...options, repository });
  await manifestsOf(before, operation);
  // Now every digest is known.
  const known = await shipmentFor(deps, name, { ...options, repository });
  const shipment = (await known.following?.(operation)) ?? known;
  const { top } = await manifestsOf(shipment, operation);
  const blobs = await planBlobs(repository, shipment, { ...operation, ...sendingOf(deps, reference) });
  const { mediaType, digest, size } = top;
  const { insteadOf } = known;
  return { reference, mediaType, digest, size, blobs, bytes: bytesSent(blobs), ...(insteadOf && { insteadOf }) };
}

/** The same plan behind others of one push: what they upload is there then. @param sent what those before upload; that of this one is added */
export function planBehind(plan: PushPlan, sent: Set<Digest>): PushPlan {
  const blobs = plan.blobs.map((blob): PlannedBlob => {
    if (blob.action !== "upload" || blob.digest === undefined) return blob;
    const isSent = sent.has(blob.digest);
    sent.add(blob.digest);
    return isSent ? { ...blob, action: "exists" } : blob;
  });
  return { ...plan, blobs, bytes: bytesSent(blobs) };
}
