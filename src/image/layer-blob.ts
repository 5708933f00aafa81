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
  /** The level of what berth compresses; its own when absent. */
  readonly level?: number;
}

/** A layer on its way by itself. */
export interface LayerBlob {
  readonly blob: ShippedBlob;
  /** What it is, once the bytes were sent; before that where it is known. */
  readonly packed: () => PackedLayer;
}

/** A layer as it is sent: with the bytes that it came with, or else compressed on its way. */
export async function layerBlob(deps: ImageDeps, layer: Layer, wanted: WantedForm): Promise<LayerBlob> {
  const packed = await knownAs(deps, layer, wanted);
  if (packed !== undefined) return { blob: packedBlob(deps, packed), packed: () => packed };
  const { compression, level } = wanted;
  const form = {
    compression: compression === "none" ? "gzip" : compression,
    ...(level === undefined ? {} : { level }),
  } as const;
  return {
    blob: newBlob(deps, layer, form),
    packed: () => {
      const made = knownForm(deps, layer, form);
      if (made === undefined) throw new Error(`layer ${layer.diffID} wasn't sent`);
      return made;
    },
  };
}

async function knownAs(
  deps: ImageDeps,
  layer: Layer,
  { compression, force, level }: WantedForm,
): Promise<PackedLayer | undefined> {
  const came = force ? undefined : knownForm(deps, layer, {});
  if (came !== undefined && deps.content.has(came.digest)) return came;
  if (compression !== "none") return knownForm(deps, layer, { compression, ...(level === undefined ? {} : { level }) });
  return (await plainLayers(deps, [layer]))[0];
}
