import type { IndexedImage } from "../image/create-index.ts";
import { creationTime } from "../image/creation-time.ts";
import { createImage, getImage, type Image, type ImageDeps } from "../image/images.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import { annotationsAt, type BuildAnnotation } from "./annotations.ts";
import type { Attester } from "./attest/attest.ts";
import { imageURL } from "./attest/package-url.ts";
import { builtImageConfig } from "./image-config.ts";
import { layersOf } from "./layers.ts";
import type { PlatformTarget } from "./lower-platforms.ts";
import type { Solved } from "./solve.ts";

/** Targets that were solved. */
export interface Built {
  /** One for each platform. */
  readonly targets: readonly PlatformTarget[];
  readonly solved: ReadonlyMap<Digest, Solved>;
  /** SOURCE_DATE_EPOCH. */
  readonly epoch: number | undefined;
  /** Puts into an image's config what is asked for beyond the image. */
  readonly complete?: (config: ImageConfig) => ImageConfig;
  /** Says what is asked for of each. */
  readonly attest?: Attester;
}

/** A form of the image. Its annotations go into an index of its own; without any there may be none. */
export interface ImageVariant {
  readonly references: readonly Reference[];
  readonly annotations: readonly BuildAnnotation[];
}

/** What becomes of what was built. */
export interface ExportOptions {
  readonly labels: Readonly<Record<string, string>>;
  readonly first: ImageVariant;
  readonly others: readonly ImageVariant[];
}

/** The image that became of what was built; see `BuildResult`. */
export interface Exported {
  readonly image: Image;
  readonly index?: Digest;
  readonly id: Digest;
}

/** Make the image of a target in each variant: of several platforms one image for all. Nothing is copied. */
export async function exportImages(
  deps: ImageDeps,
  built: Built,
  { labels, first, others }: ExportOptions,
): Promise<readonly [Exported, ...Exported[]]> {
  const images: IndexedImage[] = [];
  for (const target of built.targets) {
    const { platform } = target;
    const own = configOf(deps, { ...built, target }, labels);
    const config = built.complete?.(own) ?? own;
    const chainID = built.solved.get(target.lowered.output)?.chainID;
    const statements = await built.attest?.({ ...target, chainID, created: config.created ?? "" });
    images.push({ platform, config, ...defined("statements", statements) });
  }
  const made: [Exported, ...Exported[]] = [await exportVariant(deps, images, first)];
  for (const variant of others) made.push(await exportVariant(deps, images, variant));
  return made;
}

async function exportVariant(
  deps: ImageDeps,
  images: readonly IndexedImage[],
  { references, annotations }: ImageVariant,
): Promise<Exported> {
  const [first, ...others] = images.map((image) => ({
    ...image,
    ...annotationsFor(annotations, image.platform),
    subjects: references.map((name) => imageURL(name, image.platform)),
  }));
  if (first === undefined) throw new Error("a build without a platform");
  // An image that more is said of has an index, be it for one platform: it says that.
  if (others.length === 0 && annotations.length === 0 && first.statements === undefined) {
    const image = await createImage(deps, first.config, { references });
    return { image, id: image.id };
  }
  const { createIndex } = await import("../image/create-index.ts");
  const { digest, imageID } = await createIndex(deps, [first, ...others], {
    references,
    ...defined("annotations", annotationsAt(annotations, "index")),
  });
  return { image: getImage(deps, imageID), index: digest, id: others.length === 0 ? imageID : digest };
}

function annotationsFor(
  annotations: readonly BuildAnnotation[],
  platform: Platform,
): Pick<IndexedImage, "annotations" | "descriptorAnnotations"> {
  return {
    ...defined("annotations", annotationsAt(annotations, "manifest", platform)),
    ...defined("descriptorAnnotations", annotationsAt(annotations, "manifest-descriptor", platform)),
  };
}

function defined<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]: Value });
}

/** The config of a target that was solved, for one platform. */
export function configOf(
  deps: ImageDeps,
  { target: { lowered }, solved, epoch }: Omit<Built, "targets"> & { readonly target: PlatformTarget },
  labels: Readonly<Record<string, string>>,
): ImageConfig {
  const layers = layersOf(deps.snapshotter, solved.get(lowered.output)?.chainID);
  return builtImageConfig(lowered.image, {
    diffIDs: layers.map(({ diffID }) => diffID),
    createdAt: (vertex) => solved.get(vertex)?.created,
    labels,
    now: new Date().toISOString(),
    ...(epoch === undefined ? {} : { epoch: creationTime(epoch) }),
  });
}
