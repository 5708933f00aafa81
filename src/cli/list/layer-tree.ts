import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { ImageSummary, LayerTree } from "../engine-types.ts";
import { instructionText, layersText, shortened } from "../format/printable.ts";

type TreeLayer = LayerTree["layers"][number];

/** Columns of an instruction that is cut short, the ellipsis included. */
const instructionWidth = 60;

const sizeWidth = 7;

interface Style {
  readonly branch: string;
  readonly last: string;
  readonly pipe: string;
  readonly ellipsis: string;
}

const boxStyle: Style = { branch: "├─ ", last: "└─ ", pipe: "│  ", ellipsis: "…" };
const plainStyle: Style = { branch: "|- ", last: "`- ", pipe: "|  ", ellipsis: "..." };

/** `image tree` for people. @param options boxes: with lines rather than with what every machine has */
export function drawLayerTree(tree: LayerTree, { boxes }: { readonly boxes: boolean }): string {
  const style = boxes ? boxStyle : plainStyle;
  const lines: string[] = [];
  for (const layer of tree.layers) drawLayer(lines, layer, { style, indent: "", first: "" });
  for (const image of tree.empty) lines.push(`${imageText(image)}  (no layers)`);
  return `${[...lines, summary(tree)].join("\n")}\n`;
}

interface Place {
  readonly style: Style;
  /** In front of every line but the first. */
  readonly indent: string;
  /** In front of the first line. */
  readonly first: string;
}

/** A layer with all that is on it. One that has nothing but one other on it stands right below that: not every layer is a branch. */
function drawLayer(lines: string[], start: TreeLayer, { style, indent, first }: Place): void {
  let layer = start;
  lines.push(first + layerText(layer, style));
  for (;;) {
    const [only] = layer.children;
    if (only === undefined || layer.children.length > 1 || layer.images.length > 0) break;
    layer = only;
    lines.push(indent + layerText(layer, style));
  }
  const { images, children } = layer;
  for (const [index, item] of [...images, ...children].entries()) {
    const isLast = index === images.length + children.length - 1;
    const front = indent + (isLast ? style.last : style.branch);
    if ("chainID" in item)
      drawLayer(lines, item, { style, indent: indent + (isLast ? "   " : style.pipe), first: front });
    else lines.push(front + imageText(item));
  }
}

function layerText({ size, createdBy, users }: TreeLayer, { ellipsis }: Style): string {
  const instruction = shortened(instructionText(createdBy), instructionWidth).replace("…", ellipsis);
  const shared = users > 1 ? `  (${users} images)` : "";
  return `${humanSize(size, 3).padStart(sizeWidth)}  ${instruction}${shared}`;
}

function imageText({ references, id }: ImageSummary): string {
  const names = references.length > 0 ? references.join(", ") : "<untagged>";
  return `${names}  ${shortID(id)}`;
}

function summary({ count, size, sharedCount, shared }: LayerTree): string {
  return `${layersText(count)}, ${humanSize(size, 3)}; shared by several images: ${sharedCount}, ${humanSize(shared, 3)}`;
}

/** `image tree` for programs. */
export function layerTreeJSON({ layers, empty, count, size, sharedCount, shared }: LayerTree): object {
  return {
    Layers: layers.map(layerJSON),
    Empty: empty.map(imageJSON),
    Count: count,
    Size: size,
    SharedCount: sharedCount,
    Shared: shared,
  };
}

function layerJSON({ chainID, diffID, size, createdBy, users, images, children }: TreeLayer): object {
  return {
    ChainID: chainID,
    DiffID: diffID,
    Size: size,
    CreatedBy: createdBy,
    Users: users,
    Images: images.map(imageJSON),
    Children: children.map(layerJSON),
  };
}

function imageJSON({ id, references, size }: ImageSummary): object {
  return { Id: id, Names: references, Size: size };
}
