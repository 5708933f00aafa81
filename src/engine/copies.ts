import type { CopiedImage, CopyOptions, CopyPlan } from "../copy/copy.ts";
import type { CopyDeps } from "../copy/open.ts";
import type { ImageDeps } from "../image/images.ts";
import { type LazyOptions, lazyRegistries } from "./registries.ts";

/** How an image is copied, and how the registries are asked. */
export interface CopyRequest extends CopyOptions, Pick<LazyOptions, "insecure" | "secure" | "warn"> {}

/**
 * Copies of images between registries, archives, layouts and the store. Each end is named as skopeo names it: `docker://debian:12`,
 * `store:debian:12`, `docker-archive:PATH:debian:12`, `oci:PATH:12`, `oci-archive:PATH:12`, `dir:PATH`.
 */
export interface Copies {
  /**
   * Copy an image. Its digest stays what it is, unless another form is asked for.
   *
   * @throws {BerthError} invalid-argument, for a name without a transport or what an end can't hold; not-found; permission-denied;
   *   unavailable; data-loss; failed-precondition
   */
  copy(from: string, to: string, request?: CopyRequest): Promise<CopiedImage>;
  /** What {@link Copies.copy} would do; nothing is changed. */
  planCopy(from: string, to: string, request?: CopyRequest): Promise<CopyPlan>;
}

/** Copies that have nothing to do with a store, and so need no engine. */
export const copyBetween: Copies = copies(async () => {
  throw new Error("a copy from or to the store needs an engine");
});

/** The copies of an engine. */
export function openCopies(deps: ImageDeps, warn: LazyOptions["warn"]): Copies {
  return copies(async (transfer) => ({ ...deps, ...transfer }), warn);
}

type Transfer = Awaited<ReturnType<ReturnType<typeof lazyRegistries>["open"]>>;

function copies(
  openStore: (transfer: Transfer) => ReturnType<CopyDeps["store"]>,
  warnAlways?: LazyOptions["warn"],
): Copies {
  const opened = async <T>(
    [from, to]: readonly [string, string],
    { insecure = [], secure = [], warn = warnAlways, ...options }: CopyRequest,
    work: (copy: CopyModule, deps: CopyDeps, given: Given) => Promise<T>,
  ): Promise<T> => {
    const [copy, { parseLocation }] = await Promise.all([import("../copy/copy.ts"), import("../copy/location.ts")]);
    await using lazy = lazyRegistries({ insecure, secure, ...(warn && { warn }) });
    const registries = (): Promise<Transfer> => lazy.open();
    const deps: CopyDeps = { registries, store: async () => await openStore(await registries()) };
    return await work(copy, deps, { ends: { from: parseLocation(from), to: parseLocation(to) }, options });
  };
  return {
    copy: (from, to, request = {}) =>
      opened([from, to], request, (copy, deps, { ends, options }) => copy.copyImage(deps, ends, options)),
    planCopy: (from, to, request = {}) =>
      opened([from, to], request, (copy, deps, { ends, options }) => copy.planCopy(deps, ends, options)),
  };
}

type CopyModule = typeof import("../copy/copy.ts");

interface Given {
  readonly ends: Parameters<CopyModule["copyImage"]>[1];
  readonly options: CopyOptions;
}
