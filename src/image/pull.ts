import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import { familiar, familiarRepository, fullName, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Registries } from "../registry/registries.ts";
import type { RateLimit, Repository } from "../registry/repository.ts";
import { type ArrivalDeps, bringIn, fetchConfig, type PlannedLayer, planArrival } from "./arrival.ts";
import { imageIn, type RemoteImage, rootManifest } from "./remote-image.ts";

/** What a pull works with. */
export interface PullDeps extends ArrivalDeps {
  readonly registries: Registries;
}

/** What {@link pullImage} takes beside the name. */
export interface PullOptions extends Operation {
  /** Of an image for several platforms the one that is wanted; this machine's when absent. */
  readonly platform?: Platform;
}

/** An image that was pulled. */
export interface PulledImage {
  /** The name that it was pulled by, as Docker shows it. */
  readonly reference: string;
  readonly id: Digest;
  /** What the name leads to in the registry: the digest of a manifest, or of an index. */
  readonly digest: Digest;
  /** False where all was here as it is in the registry. */
  readonly isNew: boolean;
  /** What the registry said of its quota, where it did. */
  readonly rateLimit?: RateLimit;
}

/**
 * Bring an image in from a registry, by a tag or a digest (beside a digest a tag says nothing). Only what isn't in the store is
 * fetched; layers are verified and unpacked while they arrive. Nothing is visible before all is there. Where two processes pull the
 * same image, one waits for the other.
 *
 * @throws {BerthError} as `Repository.manifest` and `Repository.blob`; not-found, without an image for the platform;
 *   invalid-argument, for what is no image or contradicts itself; data-loss, for bytes that aren't what their digest says;
 *   failed-precondition, without space
 */
export async function pullImage(deps: PullDeps, name: Reference, options: PullOptions): Promise<PulledImage> {
  return await pullRemote(deps, await lookUp(deps, name, options), options);
}

/** An image in a registry of which no layer was asked for yet. */
export interface PreparedPull {
  /** With its digest: `docker.io/library/debian:12@sha256:…`. */
  readonly name: string;
  readonly id: Digest;
  readonly digest: Digest;
  readonly config: ImageConfig;
  readonly configBytes: Buffer;
  /** The bottom one first. */
  readonly layers: readonly Descriptor[];
  /** What of it isn't here. */
  readonly plan: (operation: Operation) => Promise<Pick<PullPlan, "layers" | "bytes">>;
  /** Bring it in, this one, whatever its name leads to by then. */
  readonly pull: (operation: Operation) => Promise<PulledImage>;
}

/** Look an image up in its registry. @throws {BerthError} as {@link pullImage} */
export async function preparePull(deps: PullDeps, name: Reference, options: PullOptions): Promise<PreparedPull> {
  const coming = await lookUp(deps, name, options);
  const { remote } = coming;
  const { bytes, parsed } = await fetchConfig(deps, { reader: coming.repository, image: remote }, options);
  const digest = remote.root.descriptor.digest;
  return {
    name: fullName({ ...coming.name, digest }),
    id: remote.parts.config.digest,
    digest,
    config: parsed,
    configBytes: bytes,
    layers: remote.parts.layers,
    plan: (operation) => planArrival(deps, { reader: coming.repository, image: remote }, operation),
    pull: (operation) => pullRemote(deps, coming, operation),
  };
}

async function pullRemote(deps: PullDeps, coming: Coming, operation: Operation): Promise<PulledImage> {
  const { name, repository, remote } = coming;
  const { domain, path } = name;
  const names = { repository: { domain, path }, ...(name.digest === undefined && { tag: name }) };
  const isNew = await bringIn(deps, { names, reader: repository, images: [remote] }, operation);
  const digest = remote.root.descriptor.digest;
  return { reference: familiar(name), id: remote.parts.config.digest, digest, isNew, ...quotaOf(repository) };
}

/** Do for every tag of a repository what {@link pullImage} or {@link planPull} does for one. @param name its tag and digest play no part */
export async function* eachTag<T>(
  deps: PullDeps,
  { domain, path }: Reference,
  { options, work }: { readonly options: PullOptions; readonly work: PullWork<T> },
): AsyncGenerator<T> {
  const tags = await Array.fromAsync(deps.registries.repository({ domain, path }).tags(options)).catch(
    (error: unknown) => {
      // Docker's words for a repository that isn't there.
      if (!(error instanceof BerthError) || error.kind !== "not-found") throw error;
      const name = familiarRepository({ domain, path });
      throw new BerthError("not-found", `repository ${name} not found: ${error.message}`, { cause: error });
    },
  );
  for (const tag of tags) yield await work(deps, { domain, path, tag }, options);
}

/** What can be done with a name at a registry. */
export type PullWork<T> = (deps: PullDeps, name: Reference, options: PullOptions) => Promise<T>;

/** What of an image isn't in the store. */
export interface PullPlan {
  /** The name that it would be pulled by, as Docker shows it. */
  readonly reference: string;
  /** What the name leads to in the registry. */
  readonly digest: Digest;
  readonly id: Digest;
  /** The bottom one first. */
  readonly layers: readonly PlannedLayer[];
  /** Bytes that are still to come. */
  readonly bytes: number;
  /** What the registry said of its quota, where it did. */
  readonly rateLimit?: RateLimit;
}

/** Say what a pull would take, and change nothing. @throws {BerthError} as {@link pullImage} */
export async function planPull(deps: PullDeps, name: Reference, options: PullOptions): Promise<PullPlan> {
  const coming = await lookUp(deps, name, options);
  const { remote } = coming;
  const { layers, bytes } = await planArrival(deps, { reader: coming.repository, image: remote }, options);
  const { digest } = remote.root.descriptor;
  const quota = quotaOf(coming.repository);
  return { reference: familiar(coming.name), digest, id: remote.parts.config.digest, layers, bytes, ...quota };
}

function quotaOf(repository: Repository): { readonly rateLimit?: RateLimit } {
  const rateLimit = repository.rateLimit();
  return rateLimit === undefined ? {} : { rateLimit };
}

/** What a reference means: beside a digest a tag says nothing. */
function pulledName(name: Reference): Reference {
  const { domain, path, digest } = name;
  return digest === undefined ? withDefaultTag(name) : { domain, path, digest };
}

/** An image that is to come. */
interface Coming {
  readonly name: Reference;
  readonly repository: Repository;
  readonly remote: RemoteImage;
}

/** Ask a registry what a name leads to. */
async function lookUp(deps: PullDeps, given: Reference, options: PullOptions): Promise<Coming> {
  const name = pulledName(given);
  if (familiarRepository(name) === "scratch") throw new BerthError("invalid-argument", "'scratch' is a reserved name");
  const repository = deps.registries.repository(name);
  const source = { db: deps.db, repository, operation: options };
  const root = await rootManifest(source, name);
  const id = name.tag ?? familiar(name);
  options.report?.({ kind: "step", id, name: `Pulling from ${name.path}`, status: "started" });
  return { name, repository, remote: await imageIn(source, root, options.platform) };
}
