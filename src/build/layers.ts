import type { ChainID } from "../oci/digest.ts";
import type { Layer, Snapshotter } from "../snapshot/snapshotter.ts";

/** The layers of a file system, bottom first. */
export function layersOf(snapshotter: Pick<Snapshotter, "find">, chainID: ChainID | undefined): readonly Layer[] {
  const layers: Layer[] = [];
  for (let next = chainID; next !== undefined; ) {
    const layer = snapshotter.find(next);
    if (layer === undefined) throw new Error(`layer ${next} is gone`);
    layers.push(layer);
    next = layer.parent;
  }
  return layers.reverse();
}
