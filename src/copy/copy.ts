import { requireFree } from "../archive/free-space.ts";
import { BerthError } from "../base/errors.ts";
import { type Operation, operationOf } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, kindOf, type LayerCompression } from "../oci/image-index.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import { chooseEntry } from "../registry/choose-entry.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import { bytesSent, manifestsOf, type PlannedBlob, planBlobs, sendShipment } from "../registry/send.ts";
import type { Shipment } from "../registry/shipment.ts";
import { type ImageTree, readTree, shipmentOfTree } from "../registry/tree.ts";
import { type Conversion, changes, convertedShipment } from "./convert.ts";
import type { OpenedDestination, OpenedSource } from "./ends.ts";
import type { IntoStore } from "./into-store.ts";
import type { Location } from "./location.ts";
import { type CopyDeps, openDestination, openSource } from "./open.ts";
import type { StoredOptions } from "./store-source.ts";

/** What is copied of an image for several platforms, in skopeo's words. */
export type MultiArch = "system" | "all" | "index-only";

/** How an image is copied. */
export interface CopyOptions extends Operation {
  /** `system` when absent: the image for `platform`. */
  readonly multiArch?: MultiArch;
  /** This machine's when absent. */
  readonly platform?: Platform;
  /** Whose media types manifests are to have; their own when absent. */
  readonly format?: "oci" | "v2s2";
  /** How each layer is to be compressed; as it is when absent. */
  readonly compression?: LayerCompression;
  /** Fail rather than copy what has another digest then. */
  readonly preserveDigests?: boolean;
}

/** An image that was copied. */
export interface CopiedImage {
  /** What the name leads to now. */
  readonly digest: Digest;
  /** Bytes of the manifest or index. */
  readonly size: number;
}

/** What a copy would do. */
export interface CopyPlan {
  /** What the name would lead to; undefined where layers are converted. */
  readonly digest: Digest | undefined;
  readonly blobs: readonly PlannedBlob[];
  /** What of them goes, bytes, as far as is known before. */
  readonly bytes: number;
}

/**
 * Copy an image from where it is to where it isn't: between registries, archives, layouts and the store. Manifests keep their bytes, and
 * so their digests, unless another form is asked for or Docker's archive can't hold them. What is there already isn't copied; the
 * name comes last. Between registries nothing is kept here.
 *
 * @throws {BerthError} not-found; permission-denied; unavailable; invalid-argument, for what an end can't hold; data-loss, for bytes
 *   that aren't what their digest says; failed-precondition, without space, or where a digest is to be kept and can't
 */
export async function copyImage(
  deps: CopyDeps,
  ends: { readonly from: Location; readonly to: Location },
  options: CopyOptions,
): Promise<CopiedImage> {
  const pushed = await pushStored(deps, ends, options);
  if (pushed !== undefined) return pushed;
  await using source = await openSource(deps, ends.from, sourceOptions(ends.to, options));
  const { to } = ends;
  const { digest, size } = source.root.descriptor;
  if (to.transport === "store") {
    const { copyIntoStore } = await import("./into-store.ts");
    await copyIntoStore(await deps.store(), source, await intoStore(to.name, source, options));
    return { digest, size };
  }
  const operation = operationOf(options);
  await using destination = await openDestination(deps, { to, source }, operation);
  const shipment = await shipmentFor({ source, to, destination }, options);
  await checkRoom(destination, shipment, operation);
  const top = await sendShipment(destination.to, shipment, { ...operation, ...destination.how });
  await destination.finish(top, operation);
  return { digest: top.digest, size: top.size };
}

/** Say what {@link copyImage} would do, and change nothing. @throws {BerthError} as it does */
export async function planCopy(
  deps: CopyDeps,
  ends: { readonly from: Location; readonly to: Location },
  options: CopyOptions,
): Promise<CopyPlan> {
  await using source = await openSource(deps, ends.from, sourceOptions(ends.to, options));
  const { to } = ends;
  const operation = operationOf(options);
  if (to.transport === "store") {
    const { planIntoStore } = await import("./into-store.ts");
    const blobs = await planIntoStore(await deps.store(), source, await intoStore(to.name, source, options));
    return { digest: source.root.descriptor.digest, blobs, bytes: bytesSent(blobs) };
  }
  await using destination = await openDestination(deps, { to, source }, operation);
  const shipment = await shipmentFor({ source, to, destination }, options);
  const blobs = await planBlobs(destination.to, shipment, { ...operation, ...destination.how });
  const isKnown = blobs.every(({ digest }) => digest !== undefined);
  const digest = isKnown ? (await manifestsOf(shipment, operation)).top.digest : undefined;
  return { digest, blobs, bytes: bytesSent(blobs) };
}

/**
 * An image for one platform goes from the store to a registry as a push has it: what was never compressed is compressed on its way.
 *
 * @returns undefined for any other copy
 */
async function pushStored(
  deps: CopyDeps,
  { from, to }: { readonly from: Location; readonly to: Location },
  options: CopyOptions,
): Promise<CopiedImage | undefined> {
  if (from.transport !== "store" || to.transport !== "docker" || to.reference.digest !== undefined) return undefined;
  if (options.format !== undefined || options.compression !== undefined) return undefined;
  const [{ findTarget }, { pushImage }] = await Promise.all([import("../image/images.ts"), import("../image/push.ts")]);
  const store = await deps.store();
  const target = findTarget(store, from.name);
  if (target.index !== undefined) return undefined;
  const { tag = "latest" } = to.reference;
  return await pushImage(store, { reference: { ...to.reference, tag }, target }, operationOf(options));
}

/** What is wanted of a source: of the store's image its layers as they are compressed there. */
function sourceOptions(to: Location, options: CopyOptions): StoredOptions {
  const { compression } = conversionTo(to, options);
  const { multiArch = "system", platform = hostPlatform } = options;
  const isAlone = compression !== undefined && multiArch === "system";
  return { ...operationOf(options), ...(isAlone && { alone: { platform, compression } }) };
}

async function intoStore(
  name: string,
  { repository, targetOf }: OpenedSource,
  options: CopyOptions,
): Promise<IntoStore> {
  const { multiArch = "system", platform, format, compression } = options;
  if (targetOf !== undefined) {
    throw new BerthError("invalid-argument", "the image is in the store already", {
      hint: `\`berth tag\` gives it the name ${name}.`,
    });
  }
  if (format !== undefined || compression !== undefined) {
    throw new BerthError("invalid-argument", "the store keeps manifests as they come, and layers unpacked", {
      hint: "Leave `--format` and `--dest-compress-format` out; they are for what is written elsewhere.",
    });
  }
  if (multiArch === "index-only") {
    throw new BerthError("invalid-argument", "the store keeps no index without an image");
  }
  const { parseTag } = await import("../image/images.ts");
  const names = { tag: parseTag(name), ...(repository && { repository }) };
  return { ...operationOf(options), names, all: multiArch === "all", platform };
}

/** What a copy has to be where it goes. @throws {BerthError} invalid-argument */
function conversionTo(to: Location, { format, compression }: CopyOptions): Conversion {
  const family = format === undefined ? undefined : format === "oci" ? "oci" : "docker";
  if (to.transport !== "docker-archive") {
    return { ...(family && { family }), ...(compression !== undefined && { compression }) };
  }
  if (format !== undefined || (compression !== undefined && compression !== "none")) {
    throw new BerthError("invalid-argument", "layers are not compressed in Docker's archive, and it has one form", {
      hint: "`oci-archive:` takes `--format` and `--dest-compress-format`.",
    });
  }
  return { family: "oci", compression: "none" };
}

/** From where to where, opened. */
interface Opened {
  readonly source: OpenedSource;
  readonly to: Location;
  readonly destination: OpenedDestination;
}

async function shipmentFor({ source, to, destination }: Opened, options: CopyOptions): Promise<Shipment> {
  const asked = conversionTo(to, options);
  const { preserveDigests = false } = options;
  // What has no digest that anybody knows is compressed, as a push does it.
  const isPlain = source.isMade === true && asked.compression === undefined && !preserveDigests;
  const conversion: Conversion = isPlain ? { ...asked, compression: "gzip" } : asked;
  const operation = operationOf(options);
  const isAsIs = conversion.family === undefined && conversion.compression === undefined;
  const isThere = async (digest: Digest): Promise<boolean> =>
    isAsIs && (await destination.to.hasManifest(digest, operation));
  const tree = await chosenTree(source, { ...options, isThere });
  if (to.transport === "docker-archive" && tree.indexes.length > 0) {
    throw new BerthError("invalid-argument", "Docker's archive has an image for one platform only", {
      hint: "`oci-archive:` takes several.",
    });
  }
  if (isAsIs || !changes(tree, conversion)) return shipmentOfTree(source.reader, tree);
  if (preserveDigests) {
    throw new BerthError(
      "failed-precondition",
      "the copy would have another digest, which --preserve-digests rules out",
      {
        hint: `${to.transport} holds it in another form: leave --preserve-digests out, or what changes the form.`,
      },
    );
  }
  return await convertedShipment(source.reader, tree, conversion);
}

interface ChoosingOptions extends CopyOptions {
  readonly isThere: (digest: Digest) => Promise<boolean>;
}

/** What of an image goes. */
async function chosenTree(
  { reader, root }: OpenedSource,
  { multiArch = "system", platform, isThere, ...options }: ChoosingOptions,
): Promise<ImageTree> {
  const operation = operationOf(options);
  /** What is there already, with all that it leads to, has but to be named. */
  const named = (manifest: RemoteManifest): ImageTree => ({ manifests: [], indexes: [manifest] });
  const lone = async (manifest: RemoteManifest): Promise<ImageTree> =>
    (await isThere(manifest.descriptor.digest)) ? named(manifest) : { manifests: [manifest], indexes: [] };
  if (kindOf(root.descriptor) !== "index") return await lone(root);
  if (multiArch === "index-only") return named(root);
  if (multiArch === "all") {
    const isWhole = await isThere(root.descriptor.digest);
    return isWhole ? named(root) : await readTree(reader, root, { ...operation, isThere });
  }
  const fetch = async ({ digest, mediaType }: Descriptor): Promise<RemoteManifest> => {
    const { bytes, descriptor } = await reader.manifest(digest, operation);
    return { bytes, descriptor: { ...descriptor, ...(mediaType && { mediaType }) } };
  };
  const { entry } = await chooseEntry(fetch, root, platform);
  return await lone(await fetch(entry));
}

/** @throws {BerthError} failed-precondition */
async function checkRoom(
  { directory, to, how }: OpenedDestination,
  shipment: Shipment,
  operation: Operation,
): Promise<void> {
  if (directory === undefined) return;
  const needed = bytesSent(await planBlobs(to, shipment, { ...operation, ...how }));
  requireFree(directory, needed, "Make room there, or copy it elsewhere.");
}
