import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { archiveOf, type Entry } from "../../src/archive/testing.ts";
import { type ChunkedFormat, chunkedLayer } from "./chunked-layer.ts";
import { baseArchives } from "./images.ts";
import { blobOf, manifestOf, type ServedBlob, type ServedImage } from "./served-image.ts";

/** What {@link makeChunkedImage} is told. */
export interface ChunkedImageOptions {
  /** Of each layer, the bottom one first; `plain` for gzip without a table of contents. */
  readonly formats: readonly (ChunkedFormat | "plain")[];
  /** Archives of the layers. */
  readonly archives: readonly Buffer[];
  /** The image's config: `Cmd` and the like. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Make an image whose layers can be read in parts. */
export function makeChunkedImage({ formats, archives, config = {} }: ChunkedImageOptions): ServedImage {
  const layers = archives.map((archive, index) => {
    const format = formats[index] ?? "plain";
    return format === "plain" ? undefined : chunkedLayer(archive, format);
  });
  const plain = archives.map((archive, index) => layers[index]?.archive ?? archive);
  const blobs = archives.map((archive, index) => blobOf(layers[index]?.blob ?? gzipSync(archive, { level: 1 })));
  const configBlob = blobOf(
    Buffer.from(
      JSON.stringify({
        os: "linux",
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        config: { Env: ["PATH=/bin"], ...config },
        rootfs: { type: "layers", diff_ids: plain.map(digestOf) },
      }),
    ),
  );
  const descriptors = blobs.map(({ digest, bytes }, index) => ({
    mediaType: layers[index]?.mediaType ?? "application/vnd.oci.image.layer.v1.tar+gzip",
    digest,
    size: bytes.length,
    ...(layers[index] === undefined ? {} : { annotations: layers[index].annotations }),
  }));
  const manifest: ServedBlob = manifestOf(configBlob, blobs, { layers: descriptors });
  return { config: configBlob, layers: blobs, manifest };
}

/** The archive of busybox, and one of files of many kinds, with `size` bytes that hardly compress. */
export function chunkedArchives(size: number): readonly [Buffer, Buffer] {
  const owner = { uid: 7, gid: 8 };
  const text = (bytes: number): string =>
    randomBytes(Math.ceil(bytes * 0.75))
      .toString("base64")
      .slice(0, bytes);
  const many = Array.from({ length: 50 }, (_, n): Entry => [`data/many/${n}`, "file", text(n * 700), owner]);
  const archive = archiveOf(
    ["data", "dir", "", { ...owner, mode: 0o750 }],
    ["data/large", "file", text(size), owner],
    ["data/small", "file", "small\n", { ...owner, mode: 0o4755 }],
    ["data/empty", "file"],
    ...many,
    ["data/link", "symlink", "small"],
    ["data/twin", "link", "data/small", { ...owner, mode: 0o4755 }],
    ["data/pipe", "fifo"],
    // What the lower layer has; `bin` isn't listed.
    ["bin/.wh.vi", "file"],
  );
  return [readFileSync(baseArchives().busybox), archive];
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
