import { writeFileSync } from "node:fs";
import { archiveOf, type Entry } from "../src/archive/testing.ts";
import { digestOf } from "../src/oci/digest.ts";

/** What the layers of an image hold. */
export interface Layers {
  readonly count: number;
  /** Files in each. */
  readonly files: number;
  /** Bytes of each file. */
  readonly size: number;
}

/** Write the archive of the image `layered`, as `docker save` does: so that it can be loaded where no store ever had its layers. */
export function writeLayeredArchive(path: string, { count, files, size }: Layers): void {
  const layers = Array.from({ length: count }, (_, layer) =>
    archiveOf(
      [`layer-${layer}`, "dir"],
      ...Array.from({ length: files }, (_, file): Entry => {
        const line = `${layer} ${file}\n`;
        return [`layer-${layer}/${file}`, "file", line.repeat(Math.ceil(size / line.length)).slice(0, size)];
      }),
    ),
  );
  const config = {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    history: layers.map(() => ({ created: "2020-01-01T00:00:00Z" })),
  };
  const manifest = [
    { Config: "config.json", RepoTags: ["layered:latest"], Layers: layers.map((_, layer) => `${layer}/layer.tar`) },
  ];
  const inArchive = layers.map((bytes, layer): Entry => [`${layer}/layer.tar`, "file", bytes.toString("utf8")]);
  writeFileSync(
    path,
    archiveOf(["config.json", "file", JSON.stringify(config)], ...inArchive, [
      "manifest.json",
      "file",
      JSON.stringify(manifest),
    ]),
  );
}
