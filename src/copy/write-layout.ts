import type { Operation } from "../base/operation.ts";
import { findTarget, type ImageDeps } from "../image/images.ts";
import { shipmentOf } from "../image/shipment.ts";
import type { ImageForm } from "../image/shipped-image.ts";
import { fullName, type Reference } from "../oci/reference.ts";
import type { TypedDescriptor } from "../registry/repository.ts";
import { sendShipment } from "../registry/send.ts";
import { openLayoutDestination } from "./layout-destination.ts";

/** What is written, and where. */
export interface LayoutRequest extends Operation {
  /** Of the directory. */
  readonly path: string;
  /** What the layout is to call the image; nothing where there are none. */
  readonly names: readonly Reference[];
  readonly form: ImageForm;
}

/**
 * Write an image of the store into an OCI layout's directory, beside what is there. @param image a name, an ID or an index's digest
 *
 * @returns what its manifest or index is known by
 * @throws {BerthError} not-found; failed-precondition, for a directory of something else
 */
export async function writeLayout(
  deps: ImageDeps,
  image: string,
  { path, names, form, ...operation }: LayoutRequest,
): Promise<TypedDescriptor> {
  const target = findTarget(deps, image);
  const shipped = { name: image, form, isThere: async () => true };
  let written: TypedDescriptor | undefined;
  for (const name of names.length === 0 ? [undefined] : names) {
    const own = name === undefined ? {} : { annotations: { "io.containerd.image.name": fullName(name) } };
    await using destination = await openLayoutDestination(path, name?.tag, { ...operation, ...own });
    const shipment = await shipmentOf(deps, target, shipped);
    const sending = { ...operation, ...destination.how };
    const first = await sendShipment(destination.to, shipment, sending);
    const following = await shipment.following?.(operation);
    const top = following === undefined ? first : await sendShipment(destination.to, following, sending);
    await destination.finish(top, operation);
    const { mediaType, digest, size } = top;
    written = { mediaType, digest, size };
  }
  if (written === undefined) throw new Error("no layout was written");
  return written;
}
