import { type Digest, digestOf } from "../oci/digest.ts";

/**
 * A step as BuildKit names it in its caches. Versions of BuildKit may write the same step down in several forms. Steps are compared as
 * objects: each has one.
 */
export interface StepKey {
  readonly forms: readonly StepForm[];
}

/**
 * The name of a step: its operation, and what names the steps that it reads from, or the content that it reads.
 *
 * @see BuildKit solver/cachekey.go
 */
export interface StepForm {
  readonly operation: Digest;
  /** Empty for a source, whose operation says what it has. */
  readonly inputs: readonly StepInput[];
}

/** What a step reads. */
export interface StepInput {
  /** The step that made it; undefined where that has no name, as a build context. */
  readonly step: StepKey | undefined;
  /** Names the part that is read, where the step's name alone isn't enough; empty for all of it. */
  readonly selector: string;
  /**
   * Digests of the content that is read, one for each way in which versions of BuildKit count it; none where it can't be told. Absent where
   * content doesn't name the input.
   */
  content?(): Promise<readonly Digest[]>;
}

/** The name of a record of what an operation made. @see BuildKit solver/cachemanager.go, rootKey */
export function operationRecord(operation: Digest): Digest {
  return digestOf(`${operation}@0`);
}

/** The name of a record that stands for content. */
export function contentRecord(content: Digest): Digest {
  return digestOf(`${content}@-1`);
}
