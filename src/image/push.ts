import { BerthError } from "../base/errors.ts";
import { type Operation, operationOf, stoppedBy } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { familiar, familiarRepository, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Registries } from "../registry/registries.ts";
import type { Repository } from "../registry/repository.ts";
import { type SendOptions, sendShipment } from "../registry/send.ts";
import { findTarget, type ImageDeps } from "./images.ts";
import { indexIn } from "./indexes.ts";
import { recordRepoDigest } from "./manifest-records.ts";
import { mountSources } from "./mount-sources.ts";
import { isStored } from "./removal.ts";
import type { Target } from "./resolve.ts";
import { tagsOf } from "./saved-names.ts";
import { type PushShipment, shipmentOf } from "./shipment.ts";
import type { ImageForm } from "./shipped-image.ts";

/** What a push works with. */
export interface PushDeps extends ImageDeps {
  readonly registries: Registries;
  /** How many blobs are sent at once, at least 1. */
  readonly parallelUploads: number;
}

/** How an image is pushed. */
export interface PushOptions extends Operation {
  /** The image for it alone, without its index. */
  readonly platform?: Platform;
  /** What the image is to be at the registry. */
  readonly form?: ImageForm;
  /** Leave the tag alone: what is pushed is known by its digest. */
  readonly byDigest?: boolean;
}

/** A name that is pushed, and what has it. */
export interface PushedName {
  readonly reference: Reference & { readonly tag: string };
  readonly target: Target;
}

/** An image that is at the registry. */
export interface PushedImage {
  readonly reference: PushedName["reference"];
  /** Of the manifest or index that has the tag now. */
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of it. */
  readonly size: number;
  /** The index of the image, which isn't all here: one image of it was pushed in its place. */
  readonly insteadOf?: Digest;
}

/**
 * The names that a push is of: the one that is given, `:latest` where it has no tag, or all of its repository.
 *
 * @throws {BerthError} not-found, in Docker's words
 */
export function namesPushed(
  deps: Pick<ImageDeps, "db">,
  given: Reference,
  { all }: { readonly all: boolean },
): readonly PushedName[] {
  const names = tagsOf(deps, given).flatMap(({ id, index, references }) =>
    references.flatMap(({ tag, ...rest }) =>
      tag === undefined ? [] : [{ reference: { ...rest, tag }, target: { id, index } }],
    ),
  );
  if (names.length === 0) {
    const message = `An image does not exist locally with the tag: ${familiarRepository(given)}`;
    throw new BerthError("not-found", message, {
      hint: "`berth images` lists what is here; `berth tag IMAGE NAME` gives an image the name that it is pushed by.",
    });
  }
  const wanted = withDefaultTag(given);
  const found = all ? names : names.filter(({ reference }) => reference.tag === wanted.tag);
  if (found.length > 0) return found;
  throw new BerthError("not-found", `tag does not exist: ${familiar(wanted)}`, {
    hint: `The repository has ${names.map(({ reference }) => reference.tag).join(", ")} here; \`--all-tags\` pushes all.`,
  });
}

/** A name that an image is pushed under, whether it is called so here or not. @throws {BerthError} not-found */
export function namePushed(deps: Pick<ImageDeps, "db">, given: Reference, image: string): PushedName {
  const { domain, path, tag = "latest" } = withDefaultTag(given);
  return { reference: { domain, path, tag }, target: findTarget(deps, image) };
}

/**
 * Push an image under a name: what the registry hasn't, several blobs at once, layers compressed while they are sent where they never
 * were before; then the manifests, and the tag last. A push that is cut leaves nothing under the name; the next one sends what is
 * missing. Progress has Docker's words as the names of its steps.
 *
 * @throws {BerthError} not-found; conflict; permission-denied; unavailable; data-loss, naming the layer that is damaged
 */
export async function pushImage(deps: PushDeps, name: PushedName, options: PushOptions): Promise<PushedImage> {
  const { reference } = name;
  const { signal, report } = options;
  const operation = operationOf({ signal, report });
  const repository = deps.registries.repository(reference, { isWritten: true });
  const shipment = await shipmentFor(deps, name, { ...options, repository });
  const sending = { ...operation, ...sendingOf(deps, reference) };
  const first = await sendShipment(repository, shipment, sending);
  const following = await shipment.following?.(operation);
  const top = following === undefined ? first : await sendShipment(repository, following, sending);
  await repository.putManifest(options.byDigest === true ? top.digest : reference.tag, top, operation);
  await recordPushed(deps, { reference, digest: top.digest, target: shipment.target });
  const { mediaType, digest, size } = top;
  return { reference, mediaType, digest, size, ...(shipment.insteadOf && { insteadOf: shipment.insteadOf }) };
}

/** How blobs go to a repository: what another of its registry is known to have is mounted from there. */
export function sendingOf(deps: PushDeps, target: Reference): Pick<SendOptions, "most" | "mountFrom"> {
  const mounts = mountSources(deps, target);
  return { most: deps.parallelUploads, mountFrom: (digest) => mounts.get(digest) };
}

/** What {@link shipmentFor} takes beside. */
interface AtRegistry extends PushOptions {
  readonly repository: Repository;
}

/** What a push of a name sends. */
export async function shipmentFor(
  deps: ImageDeps,
  { reference, target }: PushedName,
  { platform, form, repository, signal }: AtRegistry,
): Promise<PushShipment> {
  return await shipmentOf(deps, target, {
    name: familiar(reference),
    ...(platform && { platform }),
    ...(form && { form }),
    repository: reference,
    isThere: (digest) => repository.hasManifest(digest, stoppedBy(signal)),
  });
}

/** Write down what the registry has, unless it was removed here meanwhile. */
export async function recordPushed(
  { db }: Pick<PushDeps, "db">,
  { reference, digest, target }: { readonly reference: Reference; readonly digest: Digest; readonly target: Target },
): Promise<void> {
  await db.write((sql) => {
    const { id, index } = target;
    const isIndex = index !== undefined;
    if (!isStored(sql, id) || (isIndex && indexIn(sql, index) === undefined)) return;
    recordRepoDigest(sql, { ...reference, digest }, target);
  });
}
