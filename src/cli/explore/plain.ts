import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { ExploredImage, ExploredLayer, LayerFile } from "../engine-types.ts";
import { instructionText, layersText, printable } from "../format/printable.ts";

/** What is shown of an exploration. */
export interface ExplorationOptions {
  /** The image as the user calls it. */
  readonly name: string;
  /** Most files that are named of each layer. */
  readonly top: number;
}

/** `image explore` as text: the image, and each layer from the bottom up with its largest files. */
export function drawExploration(explored: ExploredImage, { name, top }: ExplorationOptions): string {
  const layers = explored.layers.map((layer, index) => {
    const largest = largestFirst(layer.files).slice(0, top);
    const more = layer.files.length - largest.length;
    const lines = [
      `Layer ${index + 1}  ${shortID(layer.diffID)}  ${sizeText(layer)}`,
      `  ${instructionText(layer.createdBy)}`,
      `  ${countText(layer.files)}`,
      ...largest.map((file) => `    ${fileText(file)}`),
      ...(more > 0 ? [`    and ${more} more`] : []),
    ];
    return `\n${lines.join("\n")}\n`;
  });
  return `${imageText(explored, name)}\n${layers.join("")}`;
}

/** An image in one line. */
export function imageText(explored: ExploredImage, name: string): string {
  const { image, layers } = explored;
  return `${printable(name)}  ${shortID(image.id)}  ${layersText(layers.length)}, ${sizeText(explored)}`;
}

/** `5MB, 1MB wasted (20.0%)` */
export function sizeText({ size, wasted }: Pick<ExploredLayer, "size" | "wasted">): string {
  const text = humanSize(size, 3);
  return wasted === 0 ? text : `${text}, ${humanSize(wasted, 3)} wasted (${((100 * wasted) / size).toFixed(1)}%)`;
}

/** `2 added 5MB, 1 changed 3B, 1 deleted 4B`, the last being what isn't seen any more. */
export function countText(files: readonly LayerFile[]): string {
  const part = (kind: LayerFile["kind"], word: string): string => {
    const some = files.filter((file) => file.kind === kind);
    const bytes = some.reduce((sum, { size, before }) => sum + (kind === "D" ? before : size), 0);
    return `${some.length} ${word}${bytes > 0 ? ` ${humanSize(bytes, 3)}` : ""}`;
  };
  return [part("A", "added"), part("C", "changed"), part("D", "deleted")].join(", ");
}

/** `C    12kB  /etc/passwd  (11kB before, wasted)` */
export function fileText(file: LayerFile): string {
  const size = humanSize(weight(file), 3).padStart(7);
  const notes = notesOf(file);
  return `${file.kind} ${size}  ${printable(file.path)}${notes === "" ? "" : `  (${notes})`}`;
}

/** What is to be said of a file beside its size. */
export function notesOf({ kind, before, size, wasted }: LayerFile): string {
  return [
    ...(kind !== "D" && before > 0 ? [`${humanSize(before, 3)} before`] : []),
    ...(size > 0 && wasted > 0 ? ["wasted"] : []),
  ].join(", ");
}

/** The bytes that a file comes to: of a deleted one those that were there. */
export function weight({ kind, size, before }: LayerFile): number {
  return kind === "D" ? before : size;
}

/** Files by what they come to; equal ones stay in the order of their paths. */
export function largestFirst(files: readonly LayerFile[]): readonly LayerFile[] {
  return files.toSorted((a, b) => weight(b) - weight(a));
}
