import { type Descriptor, indexType } from "../oci/image-index.ts";
import type { ShippedManifest } from "../registry/shipment.ts";

/** A layout's list of images, with whatever else is in it. @see image-spec v1.1 image-layout.md#indexjson-file */
export interface LayoutList {
  readonly manifests: readonly Descriptor[];
}

const refName = "org.opencontainers.image.ref.name";

const wholeName = "io.containerd.image.name";

/**
 * A layout's list with an image more, in place of the one that had its name, or none as this has none; a new list where there was none.
 *
 * @param more annotations beside the name; the image's whole name is one of them
 */
export function withImage(
  before: LayoutList | undefined,
  { mediaType, digest, size }: ShippedManifest,
  image: string | undefined,
  more: Readonly<Record<string, string>> = {},
): LayoutList {
  const list = before ?? { ...{ schemaVersion: 2, mediaType: indexType }, manifests: [] };
  const others = list.manifests.filter(
    ({ annotations }) => annotations?.[refName] !== image || annotations?.[wholeName] !== more[wholeName],
  );
  const named = image === undefined ? {} : { annotations: { ...more, [refName]: image } };
  return { ...list, manifests: [...others, { mediaType, digest, size, ...named }] };
}
