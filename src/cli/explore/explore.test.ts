import { expect, test } from "vitest";
import { digestOf } from "../../oci/digest.ts";
import type { ExploredImage, ExploredLayer, LayerFile } from "../engine-types.ts";
import { picture } from "./explorer.ts";
import { type ExplorerState, explorerStart, filesShown, keysOf, pressed } from "./explorer-state.ts";
import { pageOf } from "./page.ts";
import { drawExploration } from "./plain.ts";

const file = (path: string, size: number, more: Partial<LayerFile> = {}): LayerFile => ({
  ...{ kind: "A", path, size, before: 0, wasted: 0 },
  ...more,
});

const layer = (createdBy: string, files: readonly LayerFile[]): ExploredLayer => ({
  ...{ diffID: digestOf(createdBy), createdBy, created: undefined, files },
  size: files.reduce((sum, { size }) => sum + size, 0),
  wasted: files.reduce((sum, { wasted }) => sum + wasted, 0),
});

const evil = `/x<script>alert(1)</script>"'&\x1b[2J`;
const layers = [
  layer("ADD file:0 in /", [file("/a", 10), file("/big", 90, { wasted: 90 })]),
  layer('RUN /bin/sh -c rm /big; echo "<b>"', [file("/big", 0, { kind: "D", before: 90 }), file(evil, 5)]),
];
const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } } as const;
const image = {
  id: digestOf("image"),
  created: undefined,
  references: [],
  size: 105,
  parent: undefined,
  variantOf: [],
  config,
};
const explored: ExploredImage = { image, layers, size: 105, wasted: 90 };
const rows = 5;

test("as text: each layer with its largest files", () => {
  const text = drawExploration(explored, { name: "app", top: 1 });
  expect(text.split("\n").map((line) => line.replace(/[0-9a-f]{12}/, "ID"))).toEqual([
    "app  ID  2 layers, 105B, 90B wasted (85.7%)",
    "",
    "Layer 1  ID  100B, 90B wasted (90.0%)",
    "  ADD file:0 in /",
    "  2 added 100B, 0 changed, 0 deleted",
    "    A     90B  /big  (wasted)",
    "    and 1 more",
    "",
    "Layer 2  ID  5B",
    '  RUN rm /big; echo "<b>"',
    "  1 added 5B, 0 changed, 1 deleted 90B",
    "    D     90B  /big",
    "    and 1 more",
    "",
  ]);
});

test("as a page: nothing that an image says is markup, and nothing is loaded", () => {
  const page = [...pageOf(explored, { name: '"><img src=x>', top: 10 })].join("");
  expect(page).toContain("/x&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;\\x1b[2J");
  expect(page).toContain("RUN rm /big; echo &#34;&#60;b&#62;&#34;");
  expect(page.match(/<script/g)).toHaveLength(1);
  expect(page).not.toMatch(/<img|<b>"|\ssrc=x>|https?:|url\(/);
  expect(page).toContain('style="width:90.00%"');
  expect(page).toContain("default-src 'none'");
});

test("a page of very many layers has them close together in the bar", () => {
  const many = Array.from({ length: 41 }, (_, index) => layer(`RUN ${index}`, [file("/f", 1)]));
  expect([...pageOf({ ...explored, layers: many }, { name: "app", top: 1 })].join("")).toContain('class="bar dense"');
});

const press = (keys: string, start: ExplorerState = explorerStart(explored)): ExplorerState =>
  keysOf(keys).reduce((state, key) => {
    const next = pressed(state, key, rows);
    if (next === "quit") throw new Error("it quit");
    return next;
  }, start);

test("keys move within the list, open a layer, filter and go back", () => {
  expect(press("kjjjj").layers.at).toBe(1);
  expect(press("\x1b[B\x1b[A").layers.at).toBe(0);
  expect(press("G").layers.at).toBe(1);
  expect(filesShown(press("\r")).map(({ path }) => path)).toEqual(["/big", "/a"]);
  expect(filesShown(press("\r/a\r")).map(({ path }) => path)).toEqual(["/a"]);
  expect(press("\r/q")).toMatchObject({ filter: "q", typing: true });
  expect(press("\r/qa\x7f\r\x1b")).toMatchObject({ filter: "", files: { at: 0 } });
  expect(press("\r\x1b").files).toBeUndefined();
  expect(pressed(press("\r"), "q", rows)).toBe("quit");
});

test.each([
  [30, 90],
  [5, 20],
  [1, 3],
])("the picture fits a screen of %i rows and %i columns", (height, columns) => {
  for (const keys of ["", "G", "\r", "\rG/x"]) {
    const lines = picture(press(keys), "app", { rows: height, columns });
    expect(lines.length).toBeLessThanOrEqual(height);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what marks the line of the cursor
    const widths = lines.map((line) => line.replace(/\x1b\[\d*m/g, "").length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
  }
});

test("a list that is longer than the screen scrolls with the cursor", () => {
  const many = layer(
    "many",
    Array.from({ length: 100 }, (_, index) => file(`/f${index}`, 1000 - index)),
  );
  const start = explorerStart({ ...explored, layers: [many] });
  const shown = picture(press("\rjjjjjjj", start), "app", { rows: rows + 4, columns: 80 });
  expect(shown.slice(2, 2 + rows).map((line) => /\/f\d+/.exec(line)?.[0])).toEqual(["/f3", "/f4", "/f5", "/f6", "/f7"]);
});
