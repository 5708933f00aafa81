import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs, type DiffID } from "../oci/digest.ts";
import { type HistoryLine, imageHistory } from "./history.ts";
import { getImage, type Image, type ImageDeps } from "./images.ts";
import { type LayerChanges, LayerFollower } from "./layer-changes.ts";

/** A layer of an image, and what it does to those below it. */
export interface ExploredLayer extends LayerChanges {
  readonly diffID: DiffID;
  /** The instruction that made it, or else the history's comment; empty where there is neither. */
  readonly createdBy: string;
  /** RFC 3339. */
  readonly created: string | undefined;
}

/** What {@link exploreImage} found. */
export interface ExploredImage {
  readonly image: Image;
  /** The bottom one first. */
  readonly layers: readonly ExploredLayer[];
  /** Sum over the layers, bytes. */
  readonly size: number;
  /** Bytes of the layers that later layers replace or delete. */
  readonly wasted: number;
}

/** What each layer of an image adds, changes and deletes, and what of it is wasted. @throws {BerthError} not-found; data-loss */
export async function exploreImage(
  deps: ImageDeps,
  nameOrID: string,
  operation: Operation = {},
): Promise<ExploredImage> {
  const image = getImage(deps, nameOrID);
  const follower = new LayerFollower();
  for (const chain of chainIDs(image.config.rootfs.diff_ids)) {
    operation.signal?.throwIfAborted();
    const layer = deps.snapshotter.find(chain);
    if (layer === undefined) throw new BerthError("data-loss", `layer ${chain} is gone`);
    follower.add(await deps.snapshotter.manifest(layer));
  }
  const changes = follower.changes();
  const steps = (image.config.history ?? []).filter((entry) => entry.empty_layer !== true);
  const layers = image.config.rootfs.diff_ids.flatMap((diffID, index) => {
    const [layer, step] = [changes[index], steps[index]];
    return layer === undefined
      ? []
      : [{ ...layer, diffID, createdBy: step?.created_by || (step?.comment ?? ""), created: step?.created }];
  });
  const sum = (field: "size" | "wasted"): number => layers.reduce((total, layer) => total + layer[field], 0);
  return { image, layers, size: sum("size"), wasted: sum("wasted") };
}

/** {@link imageHistory}, each line with the bytes of its layer that later layers replace or delete. */
export async function wasteHistory(
  deps: ImageDeps,
  nameOrID: string,
  operation: Operation = {},
): Promise<readonly (HistoryLine & { readonly wasted: number })[]> {
  const { image, layers } = await exploreImage(deps, nameOrID, operation);
  const entries = image.config.history ?? [];
  let next = 0;
  const wasted = entries.map((entry) => (entry.empty_layer === true ? 0 : (layers[next++]?.wasted ?? 0))).reverse();
  return imageHistory(deps, image.id).map((line, index) => ({ ...line, wasted: wasted[index] ?? 0 }));
}
