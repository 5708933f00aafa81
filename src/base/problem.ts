import type { Operation } from "./operation.ts";

/** Something in a store that is not as `docs/store.md` says. */
export interface Problem {
  /** Number of the invariant there: `L3`. */
  readonly invariant: string;
  /** What is wrong, a clause for people: `layer sha256:… : usr/bin/env: content`. */
  readonly what: string;
  /** The layer, image or container that it touches. */
  readonly chainID?: string;
  readonly imageID?: string;
  readonly containerID?: string;
  /** What a command that was killed has left: it takes space and does no harm. */
  readonly leftover?: true;
  /** What a user can do where it isn't mended, a sentence. */
  readonly advice: string;
  /**
   * Mend it. Absent where nothing can mend it. Nothing but what is wrong is touched.
   *
   * @returns false when that can't be done, or why not, a clause
   */
  readonly mend?: () => Promise<boolean | string>;
}

/** How a store is checked. */
export interface CheckOptions extends Operation {
  /** Look at names, sizes and attributes, and read no content. */
  readonly quick: boolean;
  /** Told what was looked at, and how many of it. */
  readonly looked: (what: string, count: number) => void;
}

/** Something that nothing owns and no living process holds. */
export interface Garbage {
  /** What it is, for people: `directory of layer 7`. */
  readonly what: string;
  /** Delete it, unless somebody needs it by now. */
  remove(): Promise<void>;
}

/** A piece of garbage as a problem that can be mended. */
export function garbageProblem(invariant: string, { what, remove }: Garbage): Problem {
  const mend = async (): Promise<boolean> => {
    await remove();
    return true;
  };
  return { invariant, what: `${what}: nothing owns it`, leftover: true, advice: "Any `prune` deletes it.", mend };
}
