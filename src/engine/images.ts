import type { Operation } from "../base/operation.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { runOf } from "../container/records.ts";
import type { ArchiveSource } from "../image/archive-files.ts";
import { type HistoryLine, imageHistory } from "../image/history.ts";
import { getImage, type Image, listImages, parseTag, tagImage } from "../image/images.ts";
import type { LoadedImage, LoadOptions } from "../image/load.ts";
import { type Removed, removeImage } from "../image/remove.ts";
import type { SaveOptions } from "../image/save.ts";

/** What {@link Images.import} takes beside the archive. */
export interface ImportOptions extends Operation {
  readonly name?: string;
  /** Dockerfile instructions that change the image's config. */
  readonly changes?: readonly string[];
  readonly message?: string;
  /** Where the archive came from, for the history. */
  readonly source?: string;
}

/** The images of an engine. Everything takes a name, an ID or a unique ID prefix. */
export interface Images {
  /** @throws {BerthError} not-found `No such image: …` */
  get(nameOrID: string): Image;
  /** Every image, newest first. */
  list(): readonly Image[];
  /** Point a name at an image. */
  tag(source: string, name: string): Promise<void>;
  /** Untag or delete. @returns the lines that `rmi` prints */
  remove(nameOrID: string, options?: { readonly force?: boolean }): Promise<readonly Removed[]>;
  /** The steps that an image was made by, newest first. */
  history(nameOrID: string): readonly HistoryLine[];
  /** Make an image from the archive of a root file system. */
  import(archive: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<Image>;
  /** Write images as one archive, Docker's or an OCI layout. */
  save(names: readonly string[], options?: SaveOptions): AsyncIterable<Uint8Array>;
  /**
   * Read the images of an archive, Docker's or an OCI layout, compressed or not: from a stream, or from the path of a file or
   * of a layout's directory. Tells of each image when it is in the store.
   */
  load(archive: ArchiveSource, options?: LoadOptions): AsyncIterable<LoadedImage>;
}

/** Open the images of an engine. */
export function openImages(deps: ContainerDeps): Images {
  return {
    get: (nameOrID) => getImage(deps, nameOrID),
    list: () => listImages(deps),
    tag: (source, name) => tagImage(deps, source, name),
    remove: (nameOrID, { force = false } = {}) =>
      removeImage(deps, nameOrID, { force, isRunning: (id) => runOf(deps, id) !== undefined }),
    history: (nameOrID) => imageHistory(deps, nameOrID),
    import: async (archive, { name, changes = [], ...options } = {}) => {
      const [{ importImage }, { parseChanges }] = await Promise.all([
        import("../image/import.ts"),
        import("./changes.ts"),
      ]);
      return await importImage(deps, archive, {
        ...options,
        config: parseChanges(changes)({}),
        ...(name === undefined ? {} : { reference: parseTag(name) }),
      });
    },
    save: async function* (names, options) {
      const { saveImages } = await import("../image/save.ts");
      yield* saveImages(deps, names, options);
    },
    load: async function* (archive, options) {
      const { loadImages } = await import("../image/load.ts");
      yield* loadImages(deps, archive, options);
    },
  };
}
