import { BerthError, isKind, messageOf } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { findTarget, getImage, type Image, type ImageDeps } from "../image/images.ts";
import { getPlatformImage } from "../image/indexes.ts";
import { repoDigestOf } from "../image/manifest-records.ts";
import type { PreparedPull, PullDeps } from "../image/pull.ts";
import { chainIDs, type Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { fullName, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import type { ImageReader } from "../registry/tree.ts";
import { referenceOf } from "./image-reference.ts";
import { type LayoutReference, layoutPrefix } from "./layout-reference.ts";
import { internalStep } from "./progress.ts";
import type { BaseImage } from "./resolve-stages.ts";

/** What a `FROM` or a `--from` asks for. */
interface Base {
  readonly name: string;
  readonly platform: Platform | undefined;
}

/** What base images are found with. */
export interface BaseDeps extends ImageDeps {
  /** Opens what pulls images; called when the first one isn't here. */
  readonly openPull: () => Promise<PullDeps>;
  /** Opens an image of an OCI layout. */
  readonly openLayout: (reference: LayoutReference) => Promise<OpenedLayout>;
}

/** An image of a layout, open to be read. */
export interface OpenedLayout extends AsyncDisposable {
  readonly reader: ImageReader;
  readonly root: RemoteManifest;
}

/** How base images are found. */
export interface BaseOptions extends Operation {
  /** What stands in front of progress: a platform and a space, where there are several. */
  readonly shown?: string;
  /** Ask the registry also for what is here. */
  readonly pull?: boolean;
  /** Told of an image that is to be pulled before it is used. */
  readonly onPull: (pull: PreparedPull) => void;
  /** Keeps what is read from until the build ends. */
  readonly keep: <T extends AsyncDisposable>(opened: T) => T;
}

/**
 * The image that a `FROM` or a `--from` names: that of the store, or else what its registry has. Of that nothing but the config is
 * fetched yet.
 *
 * @throws {BerthError} not-found, when it is nowhere, or not for the platform; invalid-argument, for a malformed name
 */
export function resolveBase(deps: BaseDeps, base: Base, options: BaseOptions): Promise<BaseImage> {
  if (base.name.startsWith(layoutPrefix))
    return import("./layout-base.ts").then(({ resolveLayout }) => resolveLayout(deps, base, options));
  const reference = withDefaultTag(referenceOf(base.name));
  const full = fullName(reference);
  return internalStep(options, `[${options.shown ?? ""}internal] load metadata for ${full}`, async () => {
    const found = await find(deps, { ...base, reference, full }, options);
    if ("pull" in found) options.onPull(found);
    const { id, config } = found;
    // As BuildKit has it: what came from a registry is named with its digest.
    const name = "pull" in found && reference.digest === undefined ? `${full}@${found.digest}` : full;
    const digest = "pull" in found ? found.digest : knownDigest(deps, base.name, reference);
    return { id, config, name, digest, chainID: chainIDs(config.rootfs.diff_ids).at(-1) };
  });
}

/** What the registry has that an image of the store came from, or was pushed to under this name. */
function knownDigest(deps: BaseDeps, name: string, reference: Reference): Digest | undefined {
  const target = findTarget(deps, name);
  return deps.db.read((sql) => repoDigestOf(sql, reference, target));
}

interface NamedBase extends Base {
  readonly reference: Reference;
  /** Whole name. */
  readonly full: string;
}

async function find(deps: BaseDeps, base: NamedBase, options: BaseOptions): Promise<Image | PreparedPull> {
  const here = options.pull === true ? undefined : findHere(deps, base);
  if (here !== undefined && "config" in here) return here;
  try {
    return await prepare(deps, base, options);
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind === "canceled") throw error;
    // It is here for another platform, and nobody has it for this one.
    if (here !== undefined) throw noMatch(base, here.other);
    throw notResolved(base, error, options.pull === true && findHere(deps, base) !== undefined);
  }
}

async function prepare(
  deps: BaseDeps,
  { reference, platform }: NamedBase,
  { signal }: Operation,
): Promise<PreparedPull> {
  const wanted = { ...stoppedBy(signal), ...(platform === undefined ? {} : { platform }) };
  const { preparePull } = await import("../image/pull.ts");
  return await preparePull(await deps.openPull(), reference, wanted);
}

/** The image of the store; why it isn't for the platform; undefined, when there is none of that name. */
function findHere(deps: ImageDeps, { name, platform }: Base): Image | { readonly other: BerthError } | undefined {
  let image: Image;
  try {
    image = getImage(deps, name);
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
  if (platform === undefined) return image;
  try {
    return getPlatformImage(deps, name, platform);
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind !== "not-found") throw error;
    return { other: error };
  }
}

function noMatch({ name, full }: NamedBase, why: BerthError): BerthError {
  const message = `${name}: failed to resolve source metadata for ${full}: no match for platform in manifest: not found`;
  return new BerthError("not-found", message, { cause: why, hint: `${messageOf(why)}.` });
}

/** What BuildKit makes of a registry's answer. @param isHere the store was not to be asked, and has one */
function notResolved(base: NamedBase, error: BerthError, isHere: boolean): BerthError {
  const { name, full, reference } = base;
  if (error.message.startsWith("no matching manifest")) return noMatch(base, error);
  const failed = `${name}: failed to resolve source metadata for ${full}`;
  const advice = error.hint === undefined ? "" : `${error.hint} `;
  const hint = isHere
    ? `${advice}The store has ${name}: without --pull it is taken.`
    : `${name} is not in the store, and ${reference.domain} doesn't give it. ${advice}\`berth import\` and \`berth build\` make images, \`berth load\` reads archives.`;
  const details = { cause: error, hint };
  if (error.message.startsWith("pull access denied")) {
    const message = `${failed}: pull access denied, repository does not exist or may require authorization`;
    return new BerthError("not-found", message, details);
  }
  if (/^(manifest for|repository) \S+ not found/.test(error.message)) {
    return new BerthError("not-found", `${failed}: ${full}: not found`, details);
  }
  return new BerthError(error.kind, `${failed}: ${error.message}`, details);
}
