import { type ChainID, chainIDs, type DiffID } from "../oci/digest.ts";
import { findImage, type Image, type ImageDeps, type ImageSummary } from "./images.ts";
import { listPlatforms } from "./indexes.ts";

/** A layer, the images that end with it, and the layers that lie on it. */
export interface TreeLayer {
  readonly chainID: ChainID;
  readonly diffID: DiffID;
  /** The instruction that made it, or else the history's comment; empty where there is neither. */
  readonly createdBy: string;
  /** Bytes. */
  readonly size: number;
  /** How many images have it. */
  readonly users: number;
  readonly images: readonly ImageSummary[];
  readonly children: readonly TreeLayer[];
}

/** Every image of the store by its layers. */
export interface LayerTree {
  /** Layers that lie on none. */
  readonly layers: readonly TreeLayer[];
  /** Images without a layer. */
  readonly empty: readonly ImageSummary[];
  /** How many layers there are, and their sizes' sum, each counted once. */
  readonly count: number;
  readonly size: number;
  /** How many of them several images have, and their sizes' sum. */
  readonly sharedCount: number;
  readonly shared: number;
}

interface Node extends Omit<TreeLayer, "children" | "images"> {
  users: number;
  readonly images: ImageSummary[];
  readonly children: Node[];
}

/** Which images share which layers. */
export function layerTree(deps: ImageDeps): LayerTree {
  const nodes = new Map<ChainID, Node>();
  const layers: Node[] = [];
  const empty: ImageSummary[] = [];
  for (const summary of listPlatforms(deps).toReversed()) {
    const image = findImage(deps, summary.id);
    // Removed meanwhile.
    if (image === undefined) continue;
    let top: Node | undefined;
    for (const node of nodesOf(deps, image)) {
      const known = nodes.get(node.chainID) ?? node;
      known.users++;
      if (known === node) {
        nodes.set(node.chainID, node);
        (top?.children ?? layers).push(node);
      }
      top = known;
    }
    (top?.images ?? empty).push(summary);
  }
  const all = [...nodes.values()];
  const shared = all.filter(({ users }) => users > 1);
  const sum = (list: readonly Node[]): number => list.reduce((total, { size }) => total + size, 0);
  return { layers, empty, count: all.length, size: sum(all), sharedCount: shared.length, shared: sum(shared) };
}

/** The layers of an image, the bottom one first, by themselves. */
function nodesOf(deps: ImageDeps, { config: { rootfs, history = [] } }: Image): readonly Node[] {
  const steps = history.filter((entry) => entry.empty_layer !== true);
  const diffIDs = rootfs.diff_ids;
  return chainIDs(diffIDs).flatMap((chainID, index) => {
    const diffID = diffIDs[index];
    if (diffID === undefined) return [];
    const size = deps.snapshotter.find(chainID)?.size ?? 0;
    const step = steps[index];
    const createdBy = step?.created_by || (step?.comment ?? "");
    return [{ chainID, diffID, createdBy, size, users: 0, images: [], children: [] }];
  });
}
