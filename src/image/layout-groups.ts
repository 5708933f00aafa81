import { digestOf } from "../oci/digest.ts";
import { attestedBy, type Descriptor, indexType } from "../oci/image-index.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import type { ArchivedIndex } from "./archived-image.ts";

/** The manifests that a layout lists under one name. */
export interface Group {
  /** As the layout writes it; empty for none, which a bare tag is too. */
  readonly name: string;
  readonly descriptors: readonly Descriptor[];
}

/** A manifest, and what it is for: what its descriptor says, or else its config. */
export interface Placed {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
}

/** What a group's manifests are. */
export interface Sorted {
  /** Those that are one image for several platforms; empty where they are none. */
  readonly together: readonly Placed[];
  /** Images of their own, without a name. */
  readonly alone: readonly Descriptor[];
}

const nameKeys = ["io.containerd.image.name", "org.opencontainers.image.ref.name"] as const;

/**
 * The manifests of a layout's list by their names: those for the platforms of one image have the same. Without a name only
 * those that say what platform they are for may be one image. Attestations are in no group.
 */
export function groupsOf(descriptors: readonly Descriptor[]): readonly Group[] {
  const images = descriptors.filter((descriptor) => attestedBy(descriptor) === undefined);
  const keyOf = (descriptor: Descriptor): string => {
    const name = rawName(descriptor);
    return name === "" && !descriptor.platform ? descriptor.digest : `name ${name}`;
  };
  return [...Map.groupBy(images, keyOf).values()].map((each) => ({
    name: each[0] === undefined ? "" : nameOf(each[0]),
    descriptors: each,
  }));
}

/** The name that a descriptor gives its image; a bare tag is none. */
export function nameOf(descriptor: Descriptor): string {
  const name = rawName(descriptor);
  return /[:/]/.test(name) ? name : "";
}

function rawName({ annotations }: Descriptor): string {
  return nameKeys.map((key) => annotations?.[key]).find((name) => name !== undefined) ?? "";
}

/**
 * Tell one image's platforms from several images. Of two for one platform the later has the name, as in containerd's import;
 * without a name they are all images of their own.
 */
export function sorted({ name, manifests }: { readonly name: string; readonly manifests: readonly Placed[] }): Sorted {
  const latest = new Map(manifests.map((each) => [platformText(each.platform), each]));
  const together = [...latest.values()];
  const digests = new Set<string>(together.map(({ descriptor }) => descriptor.digest));
  const older = manifests.flatMap(({ descriptor }) => (digests.has(descriptor.digest) ? [] : [descriptor]));
  if (name === "" && older.length > 0) return { together: [], alone: manifests.map(({ descriptor }) => descriptor) };
  return { together, alone: older };
}

/**
 * The index that stands for manifests which a layout lists side by side: the layout's own list, of these alone and without
 * their names. Its digest depends on the manifests, their order, platforms and annotations, and on nothing else of the layout,
 * such as how its JSON is written; the layout that is saved has the index itself, and so the same digest.
 */
export function indexFor(
  images: readonly Placed[],
  attestations: readonly Descriptor[],
): { readonly index: ArchivedIndex["index"]; readonly manifests: readonly Descriptor[] } {
  const manifests = [
    ...images.map(({ descriptor, platform }) => entryFor(descriptor, platform)),
    ...attestations.map((descriptor) => entryFor(descriptor, descriptor.platform ?? undefined)),
  ];
  const value = { schemaVersion: 2, mediaType: indexType, manifests };
  const bytes = Buffer.from(JSON.stringify(value));
  return { index: { digest: digestOf(bytes), mediaType: indexType, bytes }, manifests };
}

function entryFor(descriptor: Descriptor, platform: Platform | undefined): Descriptor {
  const { mediaType = "", digest, size } = descriptor;
  const own: readonly string[] = nameKeys;
  const annotations = Object.entries(descriptor.annotations ?? {}).filter(([key]) => !own.includes(key));
  return {
    mediaType,
    digest,
    size,
    ...(annotations.length === 0 ? {} : { annotations: Object.fromEntries(annotations.toSorted(byKey)) }),
    ...(platform === undefined ? {} : { platform: platformIn(platform) }),
  };
}

function platformIn({ architecture, os, variant }: Platform): Platform {
  return { architecture, os, ...(variant ? { variant } : {}) };
}

const byKey = ([a]: readonly [string, string], [b]: readonly [string, string]): number => (a < b ? -1 : 1);
