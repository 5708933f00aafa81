import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { Engine } from "../../engine/engine.ts";
import { platformText } from "../../oci/platform.ts";
import type { ImageIndex, ImageSummary } from "../engine-types.ts";

const gap = "   ";
const widths: Readonly<Record<"id" | "usage" | "content", number>> = { id: 12, usage: 10, content: 12 };

/** What stands in the columns of a platform that isn't in the store. */
const absent = "-";

interface Line {
  readonly name: string;
  /** Absent on a line that only has one more name. */
  readonly details?: { readonly id: string; readonly usage: string; readonly content: string; readonly inUse: boolean };
}

/**
 * `images --tree`: each image with its names, and its platforms below, in Docker's columns. An image for several platforms has
 * the digest of its index; below it the images that are in the store have their IDs, and the others none.
 *
 * @see docker/cli cli/command/image/tree.go
 */
export async function drawImageTree(engine: Engine, list: readonly ImageSummary[]): Promise<string> {
  const { images, containers } = engine;
  const used = new Set<string>((await containers.list()).map(({ imageID }) => imageID));
  const indexes = Map.groupBy(images.indexes(), ({ imageID }) => imageID);
  const blocks = list.flatMap((image) => {
    const own = indexes.get(image.id) ?? [];
    const names = new Set(own.flatMap(({ references }) => references));
    const plain = image.references.filter((name) => !names.has(name));
    const blocksOfIndexes = own.map((index) => indexBlock(index, image.references, used));
    return plain.length > 0 || own.length === 0
      ? [imageBlock(images, { ...image, references: plain }, used), ...blocksOfIndexes]
      : blocksOfIndexes;
  });
  const width = Math.max("IMAGE".length, ...blocks.flat().map(({ name }) => name.length));
  const head = [
    "IMAGE".padEnd(width),
    "ID".padEnd(widths.id),
    "DISK USAGE".padStart(widths.usage),
    "CONTENT SIZE".padStart(widths.content),
    "EXTRA",
  ].join(gap);
  return `${head}\n${blocks.map((block) => block.map((line) => `${drawLine(line, width)}\n`).join("")).join("\n")}`;
}

function imageBlock(images: Engine["images"], image: ImageSummary, used: ReadonlySet<string>): readonly Line[] {
  const { id, size, references } = image;
  const content = images.contentSize(id);
  const details = {
    id: shortID(id),
    usage: sizeText(size),
    content: content === undefined ? absent : sizeText(content),
    inUse: used.has(id),
  };
  return [...named(references, details), { name: `└─ ${platformText(images.get(id).config)}`, details }];
}

/** @param shown the names that are listed */
function indexBlock(index: ImageIndex, shown: readonly string[], used: ReadonlySet<string>): readonly Line[] {
  const { digest, platforms, size } = index;
  const content = platforms.reduce((sum, { contentSize }) => sum + contentSize, 0);
  const inUse = platforms.some(({ imageID }) => used.has(imageID ?? ""));
  const details = { id: shortID(digest), usage: sizeText(size), content: sizeText(content), inUse };
  const children = platforms.map((each, place): Line => {
    const { platform, imageID, size: own, contentSize } = each;
    const name = platform === undefined ? "unknown" : platformText(platform);
    return {
      name: `${place < platforms.length - 1 ? "├─" : "└─"} ${name}`,
      details:
        imageID === undefined
          ? { id: absent, usage: absent, content: absent, inUse: false }
          : { id: shortID(imageID), usage: sizeText(own), content: sizeText(contentSize), inUse: used.has(imageID) },
    };
  });
  return [
    ...named(
      index.references.filter((name) => shown.includes(name)),
      details,
    ),
    ...children,
  ];
}

/** A line for each name, the longest first; the last one has the details. */
function named(references: readonly string[], details: NonNullable<Line["details"]>): readonly Line[] {
  const tags = references.filter((name) => !name.includes("@")).toSorted((a, b) => b.length - a.length);
  const last = tags.pop() ?? "<untagged>";
  return [...tags.map((name) => ({ name })), { name: last, details }];
}

const sizeText = (bytes: number): string => humanSize(bytes, 3);

function drawLine({ name, details }: Line, width: number): string {
  if (details === undefined) return name;
  const { id, usage, content, inUse } = details;
  const cells = [
    name.padEnd(width),
    id.padEnd(widths.id),
    usage.padStart(widths.usage),
    content.padStart(widths.content),
  ];
  return [...cells, inUse ? "U" : ""].join(gap).trimEnd();
}
