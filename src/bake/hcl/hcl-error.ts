import { BerthError } from "../../base/errors.ts";
import { placeOf, positionOf, type Range } from "./source.ts";

/** Something wrong in a definition, in HCL's form: `file:line,column-column: Summary; Detail`. */
export class HclError extends BerthError {
  override readonly name: string = "HclError";
  readonly range: Range;
  /** The file and the lines to blame. */
  readonly place: {
    readonly name: string;
    readonly text: string;
    readonly lines: { readonly start: number; readonly end: number };
  };

  constructor(range: Range, summary: string, detail: string, cause?: unknown) {
    super("invalid-argument", `${placeOf(range)}: ${summary}; ${detail}`, { cause });
    const { source, start, end } = range;
    this.range = range;
    const lines = { start: positionOf(source, start).line, end: positionOf(source, Math.max(start, end - 1)).line };
    this.place = { name: source.name, text: source.whole ?? source.text, lines };
  }
}
