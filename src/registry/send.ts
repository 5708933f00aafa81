import { BerthError } from "../base/errors.ts";
import { type Operation, operationOf, stoppedBy } from "../base/operation.ts";
import { sideBySide } from "../base/side-by-side.ts";
import type { Digest } from "../oci/digest.ts";
import type { Repository } from "./repository.ts";
import type { Shipment, ShippedBlob, ShippedManifest } from "./shipment.ts";

/** Where images are sent: a repository, or what is written as one. */
export type Destination = Pick<Repository, "hasManifest" | "hasBlob" | "upload" | "putManifest">;

/** How {@link sendShipment} goes about it. */
export interface SendOptions extends Operation {
  /** How many blobs at once, at least 1. */
  readonly most: number;
  /** Path of a repository on the same registry that may have a blob: it is mounted from there. */
  readonly mountFrom?: (digest: Digest) => string | undefined;
}

/**
 * Send what the destination hasn't: blobs, several at once, and when all of them are there the manifests and indexes, by digest; but for
 * the last, which is for the caller to name. Progress has Docker's words for a push as the names of its steps.
 *
 * @returns the manifest or index that gets the name
 * @throws {BerthError} as `Repository.upload` and `Repository.putManifest`
 */
export async function sendShipment(
  to: Destination,
  shipment: Shipment,
  { signal, report, ...how }: SendOptions,
): Promise<ShippedManifest> {
  const operation = operationOf({ signal, report });
  await sendBlobs(to, blobsOf(shipment), { ...how, ...operation });
  const { manifests, indexes, top } = await manifestsOf(shipment, operation);
  await sideBySide(manifests.filter(isOther(top)), { most: how.most, ...stoppedBy(signal) }, (each, own) =>
    to.putManifest(each.digest, each, { signal: own }),
  );
  // An index may name the one before it.
  for (const index of indexes.filter(isOther(top))) await to.putManifest(index.digest, index, operation);
  return top;
}

const isOther =
  (top: ShippedManifest) =>
  (each: ShippedManifest): boolean =>
    each.digest !== top.digest;

/** The manifests of what is sent, and the last of them. Compresses layers that nothing is known of. */
export async function manifestsOf(
  { images, indexes: indexesOf }: Shipment,
  operation: Operation,
): Promise<{
  readonly manifests: readonly ShippedManifest[];
  readonly indexes: readonly ShippedManifest[];
  readonly top: ShippedManifest;
}> {
  const manifests: ShippedManifest[] = [];
  for (const image of images) manifests.push(await image.manifest(operation));
  const indexes = indexesOf(manifests);
  const top = indexes.at(-1) ?? manifests[0];
  if (top === undefined) throw new Error("nothing to send");
  return { manifests, indexes, top };
}

/** The blobs of what is sent, each once. */
function blobsOf({ images }: Shipment): readonly ShippedBlob[] {
  return [...new Map(images.flatMap(({ blobs }) => blobs).map((blob) => [blob.digest ?? blob.id, blob])).values()];
}

async function sendBlobs(
  to: Destination,
  blobs: readonly ShippedBlob[],
  { most, mountFrom, signal, report }: SendOptions,
): Promise<void> {
  const tell = ({ id }: ShippedBlob, name: string, status: "started" | "cached" | "done" = "started"): void => {
    if (id !== undefined) report?.({ kind: "step", id, name, status });
  };
  for (const blob of blobs) tell(blob, "Preparing");
  // The whole is known before the first byte goes.
  for (const { id, size = 0 } of blobs) {
    if (id !== undefined && size > 0) report?.({ kind: "bytes", id, name: "Pushing", current: 0, total: size });
  }
  for (const blob of blobs.slice(most)) tell(blob, "Waiting");
  await sideBySide(blobs, { most, ...stoppedBy(signal) }, async (blob, own) => {
    const from = blob.digest === undefined ? undefined : mountFrom?.(blob.digest);
    const outcome = await sendTold({ to, from }, blob, { signal: own, ...(report && { report }) });
    tell(blob, outcome.text, outcome.sent ? "done" : "cached");
  });
}

/** Docker tells who has no credentials so without the request that wanted them. @see moby daemon/internal/distribution/errors.go */
async function sendTold(...args: Parameters<typeof send>): ReturnType<typeof send> {
  try {
    return await send(...args);
  } catch (error) {
    if (!(error instanceof BerthError && error.cause instanceof BerthError)) throw error;
    const { kind, message } = error.cause;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw kind === "permission-denied" ? new BerthError(kind, message, { cause: error, ...hint }) : error;
  }
}

async function send(
  { to, from }: { readonly to: Destination; readonly from: string | undefined },
  { digest, size, body }: ShippedBlob,
  operation: Operation,
): Promise<{ readonly text: string; readonly sent: boolean }> {
  const exists = { text: "Layer already exists", sent: false };
  // An upload that asks for no mount asks by itself.
  if (digest !== undefined && from !== undefined && (await to.hasBlob(digest, operation))) return exists;
  const outcome = await to.upload(
    {
      ...(digest && { digest }),
      ...(size !== undefined && { size }),
      ...(from !== undefined && { mountFrom: from }),
      body: () => body(operation),
    },
    operation,
  );
  if (outcome === "mounted") return { text: `Mounted from ${from}`, sent: false };
  return outcome === "exists" ? exists : { text: "Pushed", sent: true };
}

/** What would be done with a blob. */
export interface PlannedBlob {
  /** Of a layer its diffID in short, as progress shows it, or its digest; undefined for an image's config. */
  readonly id: string | undefined;
  /** Undefined for a layer that is compressed on its way. */
  readonly digest: Digest | undefined;
  /** Bytes; where only the end tells, an estimate or 0. */
  readonly size: number;
  readonly isEstimate?: true;
  /** `mount` is what the registry is asked for; where it refuses, the blob is uploaded. */
  readonly action: "exists" | "mount" | "upload";
  /** Path of the repository that it would be mounted from. */
  readonly from?: string;
}

/** What {@link sendShipment} would do with each blob; nothing is sent. */
export async function planBlobs(
  to: Destination,
  shipment: Shipment,
  { most, mountFrom, signal }: SendOptions,
): Promise<readonly PlannedBlob[]> {
  const blobs = blobsOf(shipment);
  const plans: PlannedBlob[] = [];
  await sideBySide([...blobs.entries()], { most, ...stoppedBy(signal) }, async ([place, blob], own) => {
    const { id, digest, size, estimate = 0 } = blob;
    const known = { id, digest, ...(size === undefined ? { size: estimate, isEstimate: true as const } : { size }) };
    const from = digest === undefined ? undefined : mountFrom?.(digest);
    if (digest !== undefined && (await to.hasBlob(digest, { signal: own }))) {
      plans[place] = { ...known, action: "exists" };
    } else plans[place] = from === undefined ? { ...known, action: "upload" } : { ...known, action: "mount", from };
  });
  return plans;
}

/** Bytes that would be sent. */
export function bytesSent(plans: readonly PlannedBlob[]): number {
  return plans.reduce((sum, { action, size }) => sum + (action === "upload" ? size : 0), 0);
}
