import { humanSize } from "../../base/human-size.ts";

/** How far something is, in bytes. */
export interface Fraction {
  readonly current: number;
  readonly total: number;
}

/** Docker's bar: `[====>     ]  12.3kB/2MB`. @param width characters inside; without a bar when 0 */
export function byteBar({ current, total }: Fraction, width = 50): string {
  const filled = total === 0 ? width : Math.floor((current / total) * width);
  const bar = `${"=".repeat(filled)}>`.slice(0, width).padEnd(width);
  return `${width === 0 ? "" : `[${bar}] `}${humanSize(current).padStart(8)}/${humanSize(total)}`;
}
