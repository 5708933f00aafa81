import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { chunkedLayer } from "../../test/support/chunked-layer.ts";
import { decompress } from "../archive/decompress.ts";
import type { TarHeader } from "../archive/tar-header.ts";
import { parseTar } from "../archive/tar-reader.ts";
import { archiveOf, type Entry } from "../archive/testing.ts";
import { digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import { one } from "../registry/bytes.ts";
import type { Repository } from "../registry/repository.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { type LayerToc, readLayerToc } from "./layer-toc.ts";

const archive = archiveOf(
  ["a", "dir"],
  ["a/b", "file", "content ".repeat(1000)],
  ["a/c", "symlink", "b"],
  ["d", "file"],
);
const kinds = ["estargz", "lossless estargz", "zstd:chunked"] as const;

/** A registry that has one blob, and what it was asked for. */
function repositoryOf(blob: Buffer): { readonly repository: Pick<Repository, "blob">; readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    repository: {
      async *blob(_, { offset = 0, end = blob.length } = {}) {
        asked.push(`${offset}-${end}`);
        yield blob.subarray(offset, end);
      },
    },
  };
}

function descriptorOf({
  blob,
  annotations,
}: Pick<ReturnType<typeof chunkedLayer>, "blob" | "annotations">): Descriptor {
  return { digest: digestOf(blob), size: blob.length, annotations };
}

const read = (blob: Buffer, layer: Descriptor): Promise<LayerToc | undefined> =>
  readLayerToc({ repository: repositoryOf(blob).repository }, layer);

test.each(kinds)("the table of %s tells of all files, and content is read by it", async (format) => {
  const layer = chunkedLayer(archive, format, 3000);
  const toc = await read(layer.blob, descriptorOf(layer));
  const own = format === "estargz" ? ["stargz.index.json"] : [];
  expect(toc?.entries.map(({ name }) => name)).toEqual(["a", "a/b", "a/c", "d", ...own]);
  const entry = toc?.entries[1];
  expect(entry?.chunks.map(({ size }) => size)).toEqual([3000, 3000, 2000]);
  const { repository, asked } = repositoryOf(layer.blob);
  const reader = new ChunkReader({ repository, memory: 1 << 20, signal: new AbortController().signal });
  const source = {
    blob: descriptorOf(layer),
    compression: toc?.compression ?? "gzip",
    chunks: entry?.chunks ?? [],
    places: [],
  };
  const contents = await Promise.all((entry?.chunks ?? []).map((chunk) => reader.read(source, chunk)));
  expect(Buffer.concat(contents).toString()).toBe("content ".repeat(1000));
  // Neighbours come with the first.
  expect(asked).toHaveLength(1);
});

const zeros = "\0".repeat(5000);
test.for<[what: string, last: readonly Entry[]]>([
  ["a file", [["last", "file", "x"]]],
  ["a file that fills its blocks", [["last", "file", "x".repeat(1024)]]],
  ["a file that ends with zeros", [["last", "file", `x${zeros}`]]],
  [
    "a file of zeros, and none behind it that has content",
    [
      ["zeros", "file", zeros],
      ["last", "dir"],
    ],
  ],
  ["a large file that hardly compresses", [["last", "file", randomBytes(300_000).toString("latin1")]]],
])("the table of eStargz is a file where an unpacker comes to it, behind %s", async ([, last]) => {
  for (const [format, own] of [
    ["estargz", ["stargz.index.json"]],
    ["lossless estargz", []],
  ] as const) {
    for (const entries of [last, [["first", "file", "content"] as const, ...last]]) {
      const layer = chunkedLayer(archiveOf(...entries), format, 70_000);
      const unpacked: string[] = [];
      const visitor = {
        entry: ({ name }: TarHeader) => void unpacked.push(name),
        data: () => undefined,
        end: () => undefined,
      };
      await parseTar(decompress(one(layer.blob)), visitor);
      expect(unpacked).toEqual([...entries.map(([name]) => name), ...own]);
      const toc = await read(layer.blob, descriptorOf(layer));
      expect(toc?.entries.map(({ name }) => name)).toEqual(unpacked);
    }
  }
});

test("the table of a layer in which nothing has content is read, too", async () => {
  const layer = chunkedLayer(archiveOf(["a", "dir"]), "lossless estargz");
  const toc = await read(layer.blob, descriptorOf(layer));
  expect(toc?.entries.map(({ name }) => name)).toEqual(["a"]);
});

test("a layer without annotations has no table", async () => {
  const { blob } = chunkedLayer(archive, "estargz");
  expect(await read(blob, { digest: digestOf(blob), size: blob.length })).toBeUndefined();
});

test.each(kinds)("a table of %s that isn't the one of the manifest is refused", async (format) => {
  const layer = chunkedLayer(archive, format);
  const wrong = Object.fromEntries(
    Object.entries(layer.annotations).map(([key, value]) => [key, value.startsWith("sha256:") ? digestOf("x") : value]),
  );
  await expect(read(layer.blob, descriptorOf({ ...layer, annotations: wrong }))).rejects.toMatchObject({
    kind: "data-loss",
  });
});

test.each([
  ["without a footer", (blob: Buffer) => Buffer.concat([blob, Buffer.alloc(60)])],
  ["whose footer points behind it", (blob: Buffer) => swapped(blob, (offset) => offset + blob.length)],
  ["whose footer points elsewhere", (blob: Buffer) => swapped(blob, () => 0)],
])("an eStargz layer %s is refused", async (_, change) => {
  const layer = chunkedLayer(archive, "estargz");
  const blob = change(layer.blob);
  await expect(read(blob, descriptorOf({ ...layer, blob }))).rejects.toMatchObject({ kind: "invalid-argument" });
});

test("of an eStargz layer whose table is damaged it is said that the table is", async () => {
  const layer = chunkedLayer(archive, "estargz");
  const blob = Buffer.from(layer.blob);
  blob.fill(0xff, blob.length - 51 - 40, blob.length - 51 - 20);
  await expect(read(blob, descriptorOf({ ...layer, blob }))).rejects.toMatchObject({
    kind: "invalid-argument",
    message: expect.stringMatching(/^the table of contents can't be used: gzip: /),
  });
});

function swapped(blob: Buffer, change: (offset: number) => number): Buffer {
  const copy = Buffer.from(blob);
  const at = blob.length - 51 + 16;
  const offset = Number.parseInt(blob.toString("latin1", at, at + 16), 16);
  copy.write(change(offset).toString(16).padStart(16, "0"), at, "latin1");
  return copy;
}

test.each([
  ["0:10:10:2", "doesn't say where it is"],
  ["x", "doesn't say where it is"],
  ["0:10:999999999:1", "has 999999999 bytes"],
  ["999999:10:10:1", "outside of the layer"],
])("a position %s of a table of zstd:chunked is refused", async (position, message) => {
  const layer = chunkedLayer(archive, "zstd:chunked");
  const annotations = { ...layer.annotations, "io.github.containers.zstd-chunked.manifest-position": position };
  await expect(read(layer.blob, descriptorOf({ ...layer, annotations }))).rejects.toThrow(message);
});

test("a chunk of another digest is refused, and so are bytes that are compressed otherwise", async () => {
  const layer = chunkedLayer(archive, "estargz");
  const toc = await read(layer.blob, descriptorOf(layer));
  const [chunk] = toc?.entries[1]?.chunks ?? [];
  if (chunk === undefined) throw new Error("no chunk");
  for (const [compression, digest] of [
    ["gzip", digestOf("x")],
    ["zstd", chunk.digest],
  ] as const) {
    const { repository } = repositoryOf(layer.blob);
    const reader = new ChunkReader({ repository, memory: 1 << 20, signal: new AbortController().signal });
    const asked = { ...chunk, digest };
    const source = { blob: descriptorOf(layer), compression, chunks: [asked], places: [] };
    await expect(reader.read(source, asked)).rejects.toMatchObject({ kind: "data-loss" });
  }
});
