import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { parseCacheConfig, parseInlineRecords } from "./config.ts";

const digest = digestOf("a");
const parse = (value: unknown) => parseCacheConfig(Buffer.from(JSON.stringify(value)));

test("a config as BuildKit writes it is read", () => {
  const config = parse({
    layers: [
      { blob: digest, parent: -1 },
      { blob: digest, annotations: { mediaType: "x", diffID: digest, size: 3, createdAt: "2024-01-01T00:00:00Z" } },
    ],
    records: [
      { digest: "sha256:root" },
      {
        digest,
        layers: [{ layer: 1, createdAt: "2024-01-01T00:00:00.123456789Z" }],
        chains: [{ layers: [0, 1], createdAt: "0001-01-01T00:00:00Z" }],
        inputs: [[{ selector: "/x", link: 0 }], [{ link: 0 }]],
      },
    ],
  });
  expect(config.layers[1]).toMatchObject({ parent: 0, annotations: { size: 3, createdAt: "2024-01-01T00:00:00Z" } });
  expect(config.records[1]).toMatchObject({
    layers: [{ layer: 1 }],
    chains: [{ layers: [0, 1] }],
    inputs: [[{ link: 0 }], [{ link: 0 }]],
  });
});

test("an empty one has nothing", () => {
  expect(parse({})).toEqual({ layers: [], records: [] });
});

test("long chains take no stack", () => {
  const records = Array.from({ length: 39_000 }, (_, i) => ({
    digest,
    inputs: i === 0 ? [] : [[{ link: i - 1 }]],
  })).reverse();
  const count = records.length;
  const turned = records.map(({ inputs }) => ({
    digest,
    inputs: inputs.map((input) => input.map(({ link }) => ({ link: count - 1 - link }))),
  }));
  expect(parse({ records: turned }).records).toHaveLength(count);
});

test.each([
  ["is no object", [], "no JSON object"],
  ["has layers that are no list", { layers: 1 }, "layers are no list"],
  ["has a layer without a digest", { layers: [{ blob: "sha256:x" }] }, "no digest"],
  ["has a layer on itself", { layers: [{ blob: digest, parent: 0 }] }, "circle"],
  [
    "has layers on each other",
    {
      layers: [
        { blob: digest, parent: 1 },
        { blob: digest, parent: 0 },
      ],
    },
    "circle",
  ],
  ["has a layer on one that isn't there", { layers: [{ blob: digest, parent: 7 }] }, "number 7 of 1"],
  ["has a layer below the bottom", { layers: [{ blob: digest, parent: -2 }] }, "a parent -2"],
  ["has a record of itself", { records: [{ digest, inputs: [[{ link: 0 }]] }] }, "circle"],
  [
    "has records of each other",
    {
      records: [
        { digest, inputs: [[{ link: 1 }]] },
        { digest, inputs: [[{ link: 0 }]] },
      ],
    },
    "circle",
  ],
  ["has a link to nowhere", { records: [{ digest, inputs: [[{ link: 1 }]] }] }, "number 1 of 1"],
  ["has a link that is no number", { records: [{ digest, inputs: [[{ link: 0.5 }]] }] }, "number 0.5"],
  ["has too many records", { records: Array.from({ length: 40_001 }, () => ({ digest })) }, "more than 40000 records"],
  [
    "has too many links",
    {
      records: [
        { digest },
        {
          digest,
          inputs: [
            Array.from({ length: 25_000 }, () => ({ link: 0 })),
            Array.from({ length: 25_000 }, () => ({ link: 0 })),
          ],
        },
      ],
    },
    "more than 40000 links",
  ],
  [
    "has a mount with a path for a name",
    { berth: { mounts: [{ name: "../../etc", blob: digest, mediaType: "", size: 1 }] } },
    "no name",
  ],
])("a config that %s is refused", (_, value, message) => {
  expect(() => parse(value)).toThrow(message);
});

test("an inline cache is a list of records of its image's layers", () => {
  const layers = [{ blob: digest, parent: -1 }];
  const records = Buffer.from(JSON.stringify([{ digest, layers: [{ layer: 0 }] }]));
  expect(parseInlineRecords(records, layers)).toMatchObject({ layers, records: [{ digest, layers: [{ layer: 0 }] }] });
  expect(() => parseInlineRecords(Buffer.from("{}"), layers)).toThrow("no list");
});
