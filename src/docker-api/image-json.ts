import type { Image } from "../image/images.ts";
import type { OverlayPaths } from "../snapshot/overlay-mount.ts";
import { type ConfigJSON, toConfigJSON } from "./config-json.ts";
import { type GraphDriverJSON, toGraphDriverJSON } from "./graph-driver-json.ts";

/** What `image inspect` prints. @see Docker Engine API, ImageInspect */
export interface ImageJSON {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Parent: string;
  readonly Comment: string;
  readonly Created: string;
  readonly DockerVersion: string;
  readonly Author: string;
  readonly Config: ConfigJSON;
  readonly Architecture: string;
  readonly Variant?: string;
  readonly Os: string;
  readonly Size: number;
  readonly GraphDriver: GraphDriverJSON;
  readonly RootFS: { readonly Type: "layers"; readonly Layers?: readonly string[] };
  readonly Metadata: { readonly LastTagTime: string };
}

/** Go's zero time, which Docker shows for "never". */
export const zeroTime: string = "0001-01-01T00:00:00Z";

/** An image as the Engine API shows it. @param lastTagged when it got the last of its names, RFC 3339; undefined without one */
export function toImageJSON(image: Image, layerPaths: OverlayPaths, lastTagged?: string): ImageJSON {
  const { config, references } = image;
  const layers = config.rootfs.diff_ids;
  return {
    Id: image.id,
    RepoTags: references.filter((reference) => !reference.includes("@")),
    RepoDigests: references.filter((reference) => reference.includes("@")),
    Parent: image.parent ?? "",
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
    Created: config.created ?? zeroTime,
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: toConfigJSON(config.config ?? {}),
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.size,
    GraphDriver: toGraphDriverJSON(layerPaths),
    RootFS: { Type: "layers", ...(layers.length === 0 ? {} : { Layers: layers }) },
    Metadata: { LastTagTime: lastTagged ?? zeroTime },
  };
}
