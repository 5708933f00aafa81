import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { ExploredImage, ExploredLayer, LayerFile } from "../engine-types.ts";
import { instructionText, layersText } from "../format/printable.ts";
import { escaped, pageHead } from "../page/html.ts";
import { style } from "./page-style.ts";
import { countText, type ExplorationOptions, largestFirst, notesOf, sizeText, weight } from "./plain.ts";

const words = { A: "added", C: "changed", D: "deleted" } as const;

/** More layers than this have no room between each other in the bar, and no numbers. */
const denseFrom = 40;

/** Folds and unfolds all layers; each can be folded without it. */
const script = `
const all = document.querySelectorAll("details");
const button = document.querySelector("button");
button.hidden = false;
button.addEventListener("click", () => {
  const open = [...all].some((each) => !each.open);
  for (const each of all) each.open = open;
});`;

/** `image explore --html`: one page, complete in itself, in pieces. Nothing of what it shows can act: all is escaped, and no source is allowed. */
export function* pageOf(explored: ExploredImage, { name, top }: ExplorationOptions): Generator<string> {
  const { image, layers } = explored;
  const title = escaped(name);
  yield `${pageHead({ title: `${name}: layers`, style, hasScript: true })}<h1>${title}</h1>
<p class="about">${shortID(image.id)} · ${layersText(layers.length)} · ${escaped(sizeText(explored))}</p>
${barOf(explored)}
<p class="key"><span class="box kept"></span> seen in the image <span class="box lost"></span> wasted: replaced or deleted by a later layer <button type="button" hidden>Fold or unfold all</button></p>
`;
  for (const [index, layer] of layers.entries()) yield* sectionOf(layer, { index, top });
  yield `<script>${script}</script>\n</body>\n</html>\n`;
}

/** A bar of all layers by size; what is wasted of each is marked. */
function barOf({ layers, size }: ExploredImage): string {
  if (size === 0) return "";
  const parts = layers.map((layer, index) => {
    if (layer.size === 0) return "";
    const text = `Layer ${index + 1}: ${sizeText(layer)}. ${instructionText(layer.createdBy)}`;
    const share = (100 * layer.wasted) / layer.size;
    const lost = layer.wasted > 0 ? `<span class="lost" style="width:${share.toFixed(2)}%"></span>` : "";
    return `<a href="#layer-${index + 1}" title="${escaped(text)}" style="flex-grow:${layer.size}"><b>${index + 1}</b>${lost}</a>`;
  });
  return `<nav class="${layers.length > denseFrom ? "bar dense" : "bar"}" aria-label="Layers by size">${parts.join("")}</nav>`;
}

function* sectionOf(
  layer: ExploredLayer,
  { index, top }: { readonly index: number; readonly top: number },
): Generator<string> {
  const files = largestFirst(layer.files).slice(0, top);
  const more = layer.files.length - files.length;
  yield `<details id="layer-${index + 1}" open>
<summary><span class="number">${index + 1}</span> <code>${escaped(instructionText(layer.createdBy))}</code> <span class="size">${escaped(sizeText(layer))}</span></summary>
<p class="about">${shortID(layer.diffID)} · ${escaped(countText(layer.files))}</p>
`;
  if (files.length > 0) {
    yield `<table>\n<thead><tr><th>Change</th><th class="size">Size</th><th>Path</th></tr></thead>\n<tbody>\n`;
    for (const file of files) yield rowOf(file);
    yield "</tbody>\n</table>\n";
  }
  if (more > 0) yield `<p class="about">and ${more} more</p>\n`;
  yield "</details>\n";
}

function rowOf(file: LayerFile): string {
  const notes = notesOf(file);
  const more = notes === "" ? "" : ` <small>${escaped(notes)}</small>`;
  const lost = file.size > 0 && file.wasted > 0 ? ' class="wasted"' : "";
  const size = humanSize(weight(file), 3);
  return `<tr${lost}><td class="${words[file.kind]}">${words[file.kind]}</td><td class="size">${size}</td><td><code>${escaped(file.path)}</code>${more}</td></tr>\n`;
}
