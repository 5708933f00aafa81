import type { Digest } from "../../oci/digest.ts";
import type { Selector } from "./content-digest.ts";

/** Where an input of a step comes from: a vertex of the graph, or a step that BuildKit has and berth doesn't. */
export type Origin = Digest | Definition;

/** How a version of BuildKit writes operations down. */
export interface Version {
  /** What a user's number is called. */
  readonly user: "byID" | "byId";
  /** Numbers of inputs and outputs are written down also where they are 0. */
  readonly zeros: boolean;
  /** A secret counts as mounted from the file system of the step, or from nowhere. */
  readonly secretInput: 0 | -1;
  /** A copy says which paths have to be there. */
  readonly requiresPaths: boolean;
}

/** Those that differ, by the first release that is known to have them: 0.13, 0.25 and 0.26. */
export const versions: readonly Version[] = [
  { user: "byID", zeros: true, secretInput: 0, requiresPaths: false },
  { user: "byId", zeros: false, secretInput: -1, requiresPaths: false },
  { user: "byId", zeros: false, secretInput: -1, requiresPaths: true },
];

/** A step as a version of BuildKit defines it. */
export interface Definition {
  readonly operation: Digest;
  readonly inputs: readonly DefinedInput[];
}

/** What a step reads. */
export interface DefinedInput {
  readonly origin: Origin;
  /** As in `StepInput`. */
  readonly selector: string;
  /** What is read, where its content names the input. */
  readonly content?: readonly Selector[];
}

/** The inputs of a step, each once. */
export class Inputs {
  readonly #origins: Origin[] = [];

  /** @returns the input's number; -1 for the empty file system, which is no input */
  add(origin: Origin | undefined): number {
    if (origin === undefined) return -1;
    const known = this.#origins.findIndex((each) => isSame(each, origin));
    return known >= 0 ? known : this.#origins.push(origin) - 1;
  }

  get all(): readonly Origin[] {
    return this.#origins;
  }
}

function isSame(one: Origin, other: Origin): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  if (one.operation !== other.operation || one.inputs.length !== other.inputs.length) return false;
  return one.inputs.every(({ origin }, index) => {
    const counterpart = other.inputs[index];
    return counterpart !== undefined && isSame(origin, counterpart.origin);
  });
}

/** Paths less those below others, sorted. */
export function withoutNested(paths: readonly string[]): readonly string[] {
  const all = [...new Set(paths)];
  const isBelow = (path: string, other: string): boolean =>
    path !== other && path.startsWith(other.endsWith("/") ? other : `${other}/`);
  return all.filter((path) => !all.some((other) => isBelow(path, other))).sort();
}
