import type { ProgressEvent } from "../../base/operation.ts";

/** Shows what an operation tells. Disposing it writes what is still to be said and gives the terminal back. */
export interface ProgressDisplay extends Disposable {
  readonly report: (event: ProgressEvent) => void;
}

/** What a display needs of the world. */
export interface DisplayOptions {
  readonly write: (text: string) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}
