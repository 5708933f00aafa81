import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { manifestType } from "../oci/image-index.ts";
import type { ShippedManifest } from "../registry/shipment.ts";
import { type LayoutList, withImage } from "./layout-list.ts";

const manifest = (text: string): ShippedManifest => {
  const bytes = Buffer.from(text);
  return { bytes, size: bytes.length, digest: digestOf(bytes), mediaType: manifestType };
};

/** Each image of a list: its first digits, and its name. */
const shown = (list: LayoutList): readonly string[] =>
  list.manifests.map(({ digest, annotations }) => {
    const name = annotations?.["org.opencontainers.image.ref.name"];
    return `${["a", "b"].find((each) => digest === digestOf(each))} ${name ?? "-"}`;
  });

test("an image takes the place of the one with its name, or of the one without a name", () => {
  const steps: readonly (readonly [string, string | undefined, readonly string[]])[] = [
    ["a", "1", ["a 1"]],
    ["a", "1", ["a 1"]],
    ["a", "2", ["a 1", "a 2"]],
    ["b", "1", ["a 2", "b 1"]],
    ["b", undefined, ["a 2", "b -", "b 1"]],
    ["a", undefined, ["a -", "a 2", "b 1"]],
  ];
  let list: LayoutList | undefined;
  for (const [text, name, expected] of steps) {
    list = withImage(list, manifest(text), name);
    expect(shown(list).toSorted()).toEqual(expected);
  }
});

test("what else a layout's list says stays", () => {
  const before = { ...{ schemaVersion: 2, annotations: { by: "somebody" } }, manifests: [] };
  expect(withImage(before, manifest("a"), undefined)).toMatchObject({ annotations: { by: "somebody" } });
});
