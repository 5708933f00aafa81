import type { Operation } from "../base/operation.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { runOf } from "../container/records.ts";
import type { LayoutRequest } from "../copy/write-layout.ts";
import type { ArchiveSource } from "../image/archive-files.ts";
import type { ImageDifference } from "../image/diff.ts";
import type { ExploredImage } from "../image/explore.ts";
import { type HistoryLine, imageHistory } from "../image/history.ts";
import {
  contentSize,
  findID,
  getImage,
  type Image,
  type ImageSummary,
  lastTagged,
  listImages,
  parseTag,
  tagImage,
} from "../image/images.ts";
import { getPlatformImage, type ImageIndex, listIndexes } from "../image/indexes.ts";
import type { LayerTree } from "../image/layer-tree.ts";
import type { ImageFinding, LintOptions } from "../image/lint-image.ts";
import type { LoadedImage, LoadOptions } from "../image/load.ts";
import { type PrunedImages, pruneImages } from "../image/prune.ts";
import type { PullDeps, PulledImage, PullOptions, PullPlan } from "../image/pull.ts";
import type { PushDeps } from "../image/push.ts";
import type { DigestOptions } from "../image/pushed-digest.ts";
import type { Removed } from "../image/removal.ts";
import { removeImage } from "../image/remove.ts";
import type { SaveOptions } from "../image/save.ts";
import { chainIDs, type Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import type { TypedDescriptor } from "../registry/repository.ts";
import type { OverlayPaths } from "../snapshot/overlay-mount.ts";
import { type Copies, openCopies } from "./copies.ts";
import { openPushes, type Pushes } from "./pushes.ts";

/** What {@link Images.import} takes beside the archive. */
export interface ImportOptions extends Operation {
  readonly name?: string;
  /** Dockerfile instructions that change the image's config. */
  readonly changes?: readonly string[];
  readonly message?: string;
  /** Where the archive came from, for the history. */
  readonly source?: string;
  /** What the files are for; this machine's when absent. */
  readonly platform?: Platform;
}

/** The images of an engine. Everything takes a name, an ID or a unique ID prefix. */
export interface Images extends Pushes, Copies {
  /**
   * An image; of one for several platforms that for `platform`, or else for this machine.
   *
   * @throws {BerthError} not-found `No such image: …`, or when it isn't here for `platform`
   */
  get(nameOrID: string, platform?: Platform): Image;
  /** The ID that a name means. No config is read. @throws {BerthError} as {@link Images.get} */
  resolve(nameOrID: string): Digest;
  /** Where the layers of an image lie: the topmost as `upper`. */
  layerPaths(image: Image): OverlayPaths;
  /** Every image, newest first. */
  list(): readonly ImageSummary[];
  /** Bytes of an image's config and of the archives of its layers, by its whole ID; undefined where that isn't known. */
  contentSize(id: Digest): number | undefined;
  /** Every image for several platforms, by the digest of its index. */
  indexes(): readonly ImageIndex[];
  /** Point a name at an image. */
  tag(source: string, name: string): Promise<void>;
  /** Untag or delete; `prune: false` keeps parents that nothing needs any more. @returns the lines that `rmi` prints */
  remove(
    nameOrID: string,
    options?: { readonly force?: boolean; readonly prune?: boolean },
  ): Promise<readonly Removed[]>;
  /** Delete some platforms of an image alone; it has to be forced. */
  removePlatforms(
    nameOrID: string,
    platforms: readonly Platform[],
    options?: { readonly force?: boolean },
  ): Promise<readonly Removed[]>;
  /** Remove what nothing uses; with `all`, named images too. `fits` says which. */
  prune(options?: { readonly all?: boolean; readonly fits?: (image: Image) => boolean }): Promise<PrunedImages>;
  /** When an image got the last of the names that it has, RFC 3339; undefined without a name. */
  lastTagged(id: Digest): string | undefined;
  /** The steps that an image was made by, newest first. */
  history(nameOrID: string): readonly HistoryLine[];
  /** The same, each line with the bytes of its layer that later layers replace or delete. */
  wasteHistory(
    nameOrID: string,
    operation?: Operation,
  ): Promise<readonly (HistoryLine & { readonly wasted: number })[]>;
  /** What each layer of an image adds, changes and deletes, and what of it is wasted. */
  explore(nameOrID: string, operation?: Operation): Promise<ExploredImage>;
  /** Which images share which layers. */
  layerTree(): Promise<LayerTree>;
  /** Compare two images: files, byte by byte, and config. */
  diff(before: string, after: string, operation?: Operation): Promise<ImageDifference>;
  /** Look for secrets in an image's config, history and new files, and for bytes that a layer has again. */
  lint(nameOrID: string, options?: LintOptions): Promise<readonly ImageFinding[]>;
  /**
   * The digest that an image has in a registry once it is pushed: of its index, or of its manifest. What isn't known of its
   * layers in compressed form is found out now, and recorded.
   */
  digest(nameOrID: string, options?: DigestOptions): Promise<Digest>;
  /** Make an image from the archive of a root file system. */
  import(archive: AsyncIterable<Uint8Array>, options?: ImportOptions): Promise<Image>;
  /** Write an image into an OCI layout's directory. @returns the digest of what is written */
  writeLayout(nameOrID: string, request: LayoutRequest): Promise<TypedDescriptor>;
  /** Write images as one archive, Docker's or an OCI layout. */
  save(names: readonly string[], options?: SaveOptions): AsyncIterable<Uint8Array>;
  /**
   * Read the images of an archive, Docker's or an OCI layout, compressed or not: from a stream, or from the path of a file or
   * of a layout's directory. Tells of each image when it is in the store.
   */
  load(archive: ArchiveSource, options?: LoadOptions): AsyncIterable<LoadedImage>;
  /**
   * Bring an image in from a registry, by a tag (`latest` where there is none) or a digest.
   *
   * @throws {BerthError} not-found, permission-denied, unavailable, in Docker's words; data-loss, for bytes that aren't what they
   *   are said to be
   */
  pull(name: string, options?: PullOptions): Promise<PulledImage>;
  /** Bring in every tag of a repository, one after the other. @param name without a tag */
  pullAll(name: string, options?: PullOptions): AsyncIterable<PulledImage>;
  /** Say what {@link Images.pull} would take; nothing is changed. */
  planPull(name: string, options?: PullOptions): Promise<PullPlan>;
  /** What {@link Images.pullAll} would bring in, tag by tag; nothing is changed. */
  planPullAll(name: string, options?: PullOptions): AsyncIterable<PullPlan>;
}

/** Open the images of an engine. */
export function openImages(
  deps: ContainerDeps,
  openTransfer: () => Promise<PullDeps & PushDeps>,
  warn?: (message: string) => void,
): Images {
  return {
    get: (nameOrID, platform) =>
      platform === undefined ? getImage(deps, nameOrID) : getPlatformImage(deps, nameOrID, platform),
    resolve: (nameOrID) => findID(deps, nameOrID),
    layerPaths: ({ config }) => {
      const [upper, ...lower] = deps.snapshotter.directories(chainIDs(config.rootfs.diff_ids).at(-1));
      return { lower, ...(upper === undefined ? {} : { upper }) };
    },
    list: () => listImages(deps),
    lastTagged: (id) => lastTagged(deps, id),
    contentSize: (id) => contentSize(deps, id),
    indexes: () => listIndexes(deps),
    tag: (source, name) => tagImage(deps, source, name),
    remove: (nameOrID, { force = false, prune = true } = {}) =>
      removeImage(deps, nameOrID, { force, prune, isRunning: (id) => runOf(deps, id) !== undefined }),
    removePlatforms: async (nameOrID, platforms, { force = false } = {}) => {
      const { removePlatforms } = await import("../image/remove-platform.ts");
      return await removePlatforms(deps, nameOrID, {
        force,
        platforms,
        isRunning: (id) => runOf(deps, id) !== undefined,
      });
    },
    prune: ({ all = false, ...options } = {}) =>
      pruneImages(deps, { ...options, all, isRunning: (id) => runOf(deps, id) !== undefined }),
    history: (nameOrID) => imageHistory(deps, nameOrID),
    wasteHistory: async (nameOrID, operation) => {
      const { wasteHistory } = await import("../image/explore.ts");
      return await wasteHistory(deps, nameOrID, operation);
    },
    explore: async (nameOrID, operation) => {
      const { exploreImage } = await import("../image/explore.ts");
      return await exploreImage(deps, nameOrID, operation);
    },
    layerTree: async () => {
      const { layerTree } = await import("../image/layer-tree.ts");
      return layerTree(deps);
    },
    diff: async (before, after, operation) => {
      const { diffImages } = await import("../image/diff.ts");
      return await diffImages(deps, [before, after], operation);
    },
    lint: async (name, options) => (await import("../image/lint-image.ts")).lintImage(deps, name, options),
    digest: async (nameOrID, options) => {
      const { pushedDigest } = await import("../image/pushed-digest.ts");
      return await pushedDigest(deps, nameOrID, options);
    },
    import: async (archive, { name, changes = [], ...options } = {}) => {
      const [{ importImage }, { parseChanges }] = await Promise.all([
        import("../image/import.ts"),
        import("./changes.ts"),
      ]);
      return await importImage(deps, archive, {
        ...options,
        config: parseChanges(changes)({}),
        ...(name === undefined ? {} : { reference: parseTag(name, "cannot import digest reference") }),
      });
    },
    writeLayout: async (nameOrID, request) => {
      const { writeLayout } = await import("../copy/write-layout.ts");
      return await writeLayout(deps, nameOrID, request);
    },
    save: async function* (names, options) {
      const { saveImages } = await import("../image/save.ts");
      yield* saveImages(deps, names, options);
    },
    load: async function* (archive, options) {
      const { loadImages } = await import("../image/load.ts");
      yield* loadImages(deps, archive, options);
    },
    ...pulls(openTransfer),
    ...openPushes(openTransfer),
    ...openCopies(deps, warn),
  };
}

/** Those that ask a registry. */
function pulls(openPull: () => Promise<PullDeps>): Pick<Images, "pull" | "pullAll" | "planPull" | "planPullAll"> {
  return {
    pull: async (name, options = {}) => {
      const { pullImage } = await import("../image/pull.ts");
      return await pullImage(await openPull(), parseReference(name), options);
    },
    pullAll: async function* (name, options = {}) {
      const { eachTag, pullImage } = await import("../image/pull.ts");
      yield* eachTag(await openPull(), parseReference(name), { options, work: pullImage });
    },
    planPull: async (name, options = {}) => {
      const { planPull } = await import("../image/pull.ts");
      return await planPull(await openPull(), parseReference(name), options);
    },
    planPullAll: async function* (name, options = {}) {
      const { eachTag, planPull } = await import("../image/pull.ts");
      yield* eachTag(await openPull(), parseReference(name), { options, work: planPull });
    },
  };
}
