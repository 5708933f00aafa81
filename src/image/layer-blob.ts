import type { LayerCompression } from "../oci/image-index.ts";
import type { ShippedBlob } from "../registry/shipment.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { ImageDeps } from "./images.ts";
import type { PackedLayer } from "./manifest-records.ts";
import { knownForm, plainLayers } from "./manifests.ts";
import { newBlob, packedBlob } from "./shipped-image.ts";

/** The form that a layer is wanted in. */
export interface WantedForm {
  /** Of what was never compressed; of all with `force`. */
  readonly compression: LayerCompression;
  readonly force: boolean;
}

/** A layer on its way by itself. */
export interface LayerBlob {
  readonly blob: ShippedBlob;
  /** What it is, once the bytes were sent; before that where it is known. */
  readonly packed: () => PackedLayer;
}

/** A layer as it is sent: with the bytes that it came with, or else compressed on its way. */
export async function layerBlob(deps: ImageDeps, layer: Layer, { compression, force }: WantedForm): Promise<LayerBlob> {
  const packed = (await knownAs(deps, layer, { compression, force })) ?? undefined;
  if (packed !== undefined) return { blob: packedBlob(deps, packed), packed: () => packed };
  const format = compression === "none" ? "gzip" : compression;
  return {
    blob: newBlob(deps, layer, { compression: format }),
    packed: () => {
      const made = knownForm(deps, layer, { compression: format });
      if (made === undefined) throw new Error(`layer ${layer.diffID} wasn't sent`);
      return made;
    },
  };
}

async function knownAs(
  deps: ImageDeps,
  layer: Layer,
  { compression, force }: WantedForm,
): Promise<PackedLayer | undefined> {
  const came = force ? undefined : knownForm(deps, layer, {});
  if (came !== undefined && deps.content.has(came.digest)) return came;
  if (compression !== "none") return knownForm(deps, layer, { compression });
  return (await plainLayers(deps, [layer]))[0];
}
