import { BerthError } from "../base/errors.ts";
import { indexType, type LayerCompression, manifestType } from "../oci/image-index.ts";
import { configType, layerTypes } from "./oci-manifest.ts";

/** Whose media types a manifest has: OCI's, or Docker's, schema 2. */
export type ManifestFamily = "oci" | "docker";

/** The media types of a family. */
export interface MediaTypes {
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  /** @throws {BerthError} invalid-argument, where there is none */
  readonly layer: (compression: LayerCompression) => string;
}

const oci: MediaTypes = {
  index: indexType,
  manifest: manifestType,
  config: configType,
  layer: (compression) => layerTypes[compression],
};

/** @see distribution, docs/content/spec/manifest-v2-2.md */
const docker: MediaTypes = {
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: (compression) => {
    if (compression !== "zstd")
      return `application/vnd.docker.image.rootfs.diff.tar${compression === "gzip" ? ".gzip" : ""}`;
    throw new BerthError("invalid-argument", "zstd compression is not supported for docker images", {
      hint: "`--format oci` takes it; or `--dest-compress-format gzip` makes it gzip.",
    });
  },
};

/** Whose types a manifest or an index has. */
export function familyOf(mediaType: string): ManifestFamily {
  return mediaType.startsWith("application/vnd.docker.") ? "docker" : "oci";
}

/** The media types of a family. */
export function typesOf(family: ManifestFamily): MediaTypes {
  return family === "docker" ? docker : oci;
}
