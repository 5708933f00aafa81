import { BerthError, type ErrorKind } from "./errors.ts";
import { shortID } from "./ids.ts";

/** Candidates that an ambiguous prefix is shown with. */
const shownCandidates = 5;

/** What an ambiguous prefix is told with. */
export interface Ambiguous {
  readonly kind: ErrorKind;
  /** Docker's first line. */
  readonly message: string;
  /** What it may mean: whole IDs, each with a name where it has one. */
  readonly candidates: readonly { readonly id: string; readonly name?: string | undefined }[];
}

/** The error for a prefix that more than one ID begins with; the hint lists them. */
export function ambiguousPrefix({ kind, message, candidates }: Ambiguous): BerthError {
  const shown = candidates
    .slice(0, shownCandidates)
    .map(({ id, name }) => (name === undefined ? shortID(id) : `${shortID(id)} (${name})`));
  const more = candidates.length > shownCandidates ? ` and ${candidates.length - shownCandidates} more` : "";
  return new BerthError(kind, message, { hint: `It means one of ${shown.join(", ")}${more}: type more of it.` });
}
