import { isKind } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { ComingImage } from "../container/container.ts";
import type { EarlyImage } from "../container/create.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { isAwaited, recordWhole } from "../container/records.ts";
import type { PullDeps } from "../image/pull.ts";
import type { LazyAnswer } from "../lazy/lazy-server.ts";
import type { Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";

/** What {@link Lazy} takes beside a name. */
export interface LazyOptions extends Operation {
  /** Of an image for several platforms the one that is wanted; this machine's when absent. */
  readonly platform?: Platform;
}

/** Starting images before they are here as a whole. @see docs/lazy-start.md */
export interface Lazy {
  /**
   * Have a process of its own serve an image's layers while it pulls them.
   *
   * @returns what a container can be made of at once; or why the image has to be pulled first, `""` where nobody need be told
   */
  start(name: string, options?: LazyOptions): Promise<EarlyImage | { readonly refused: string }>;
  /** Be that process. @param answer told once what came of it, before the rest is pulled */
  serve(name: string, options: LazyOptions & { readonly answer: (answer: LazyAnswer) => void }): Promise<void>;
}

/** @param argv the words that start berth with the places of this engine */
export function openLazy(
  deps: ContainerDeps,
  { argv, openPull }: { readonly argv: readonly string[]; readonly openPull: () => Promise<PullDeps> },
): Lazy {
  return {
    start: async (name, options = {}) => {
      const { startLazyServer } = await import("../lazy/start-lazy-server.ts");
      return await startLazyServer(deps.host, parseReference(name), { ...options, argv });
    },
    serve: async (name, options) => {
      const { serveLazily } = await import("../lazy/lazy-server.ts");
      await serveLazily(await openPull(), parseReference(name), {
        ...options,
        onWhole: (chainID) => recordWhole(deps, chainID),
        isUsed: (chainID) => isAwaited(deps, chainID),
        log: boundedLog(name),
      });
    },
  };
}

/** Lines that one server writes at most: a container may read what can't be had again and again. */
const mostLines = 1000;

function boundedLog(name: string): (message: string) => void {
  let lines = 0;
  return (message) => {
    if (++lines <= mostLines) process.stderr.write(`${new Date().toISOString()} ${name}: ${message}\n`);
  };
}

/** Pull an image that a container was made of early, and give it the name that the user gave, unless that is another's now. */
export async function pullWhole(
  deps: PullDeps,
  { name, reference, platform }: ComingImage,
  operation: Operation,
): Promise<void> {
  const [{ pullImage }, { findTarget, tagImage }] = await Promise.all([
    import("../image/pull.ts"),
    import("../image/images.ts"),
  ]);
  const { id } = await pullImage(deps, parseReference(name), { ...operation, ...(platform && { platform }) });
  if (parseReference(reference).digest !== undefined) return;
  try {
    findTarget(deps, reference);
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    await tagImage(deps, id, reference);
  }
}
