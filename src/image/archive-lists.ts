import { type Digest, hexOf } from "../oci/digest.ts";
import { indexType } from "../oci/image-index.ts";
import { familiar, familiarRepository, fullName, type Reference } from "../oci/reference.ts";
import { type ArchiveFile, bytesFile, jsonFile } from "./archive-writer.ts";
import { type ManifestItem, manifestName } from "./archived-image.ts";
import { indexName } from "./layout-images.ts";
import { blobName } from "./layout-json.ts";

/** What a layout's list has of an image. */
export interface Described {
  readonly references: readonly Reference[];
  readonly descriptor: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
}

/** What says that a directory is a layout. @see image-spec v1.1 image-layout.md#oci-layout-file */
export const layoutMark: ArchiveFile = bytesFile("oci-layout", Buffer.from('{"imageLayoutVersion": "1.0.0"}'));

/** The files that make blobs a layout, with the names of its images as Docker writes them. @see image-spec v1.1 image-layout.md */
export function layoutLists(images: readonly Described[]): readonly ArchiveFile[] {
  const manifests = images.flatMap(({ references, descriptor }) => {
    if (references.length === 0) return [descriptor];
    return references.map((reference) => ({
      ...descriptor,
      annotations: {
        "io.containerd.image.name": fullName(reference),
        "org.opencontainers.image.ref.name": reference.tag,
      },
    }));
  });
  return [jsonFile(indexName, { schemaVersion: 2, mediaType: indexType, manifests }), layoutMark];
}

/** What Docker's list has of an image. */
export interface ListedImage {
  readonly config: Digest;
  readonly references: readonly Reference[];
  /** The image that it was made from; left out where the archive hasn't got it. */
  readonly parent?: Digest | undefined;
  /** The bottom one first. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly mediaType?: string }[];
}

/** Docker's lists of the images in an archive. @see moby tarexport save.go */
export function dockerLists(images: readonly ListedImage[]): readonly ArchiveFile[] {
  const repositories = repositoriesOf(images);
  const there = new Set(images.map(({ config }) => config));
  return [
    jsonFile(
      manifestName,
      images.map((image) => itemOf(image, there)),
      "\n",
    ),
    ...(Object.keys(repositories).length > 0 ? [jsonFile("repositories", repositories, "\n")] : []),
  ];
}

function itemOf({ config, references, parent, layers }: ListedImage, there: ReadonlySet<Digest>): ManifestItem {
  const sources = new Map(layers.map(({ mediaType, size, digest }) => [digest, { mediaType, size, digest }]));
  const item = {
    Config: blobName(config),
    RepoTags: references.length === 0 ? null : references.map(familiar),
    Layers: layers.map(({ digest }) => blobName(digest)),
    ...(parent !== undefined && there.has(parent) && { Parent: parent }),
    LayerSources: Object.fromEntries([...sources].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  return item;
}

/** What Docker of before 2015 read: repository, tag, topmost layer. */
function repositoriesOf(images: readonly ListedImage[]): Readonly<Record<string, Record<string, string>>> {
  const repositories = new Map<string, Record<string, string>>();
  for (const { references, layers } of images) {
    for (const reference of references) {
      const name = familiarRepository(reference);
      const top = layers.at(-1)?.digest;
      repositories.set(name, { ...repositories.get(name), [reference.tag ?? ""]: top === undefined ? "" : hexOf(top) });
    }
  }
  return Object.fromEntries([...repositories].sort(([a], [b]) => (a < b ? -1 : 1)));
}
