import { shortID } from "../../base/ids.ts";
import type { Engine } from "../../engine/engine.ts";
import { platformText } from "../../oci/platform.ts";
import type { ImageSummary } from "../engine-types.ts";
import { humanSize } from "../format/human-size.ts";

const gap = "   ";
const widths: { readonly id: number; readonly usage: number; readonly extra: number } = { id: 12, usage: 10, extra: 6 };

interface Line {
  readonly name: string;
  /** Absent on a line that only has one more name. */
  readonly details?: { readonly id: string; readonly size: number; readonly inUse: boolean };
}

/** `images --tree`: each image with its names, and the platforms that it is there for below. */
export async function drawImageTree({ images, containers }: Engine, list: readonly ImageSummary[]): Promise<string> {
  const used = new Set((await containers.list()).map(({ imageID }) => imageID));
  const blocks = list.map(({ id, references, size }) => {
    const details = { id: shortID(id), size, inUse: used.has(id) };
    const [first = "<untagged>", ...more] = references.filter((name) => !name.includes("@"));
    const platform = `└─ ${platformText(images.get(id).config)}`;
    return [{ name: first, details }, ...more.map((name) => ({ name })), { name: platform, details }];
  });
  const width = Math.max("IMAGE".length, ...blocks.flat().map(({ name }) => name.length));
  const head = ["IMAGE".padEnd(width), "ID".padEnd(widths.id), "DISK USAGE".padStart(widths.usage), "IN USE"].join(gap);
  return `${head}\n${blocks.map((block) => block.map((line) => `${drawLine(line, width)}\n`).join("")).join("\n")}`;
}

function drawLine({ name, details }: Line, width: number): string {
  if (details === undefined) return name;
  const size = humanSize(details.size, 3).padStart(widths.usage);
  const mark = details.inUse ? "yes".padStart(widths.extra) : "";
  return [name.padEnd(width), details.id.padEnd(widths.id), size, mark].join(gap).trimEnd();
}
