/** Columns at least this wide, padding included, as in Docker's tables. */
const narrowest = 10;
const padding = 3;

/** Line up the cells of rows of equal length: every column but the last is padded to its widest cell. */
export function align(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? narrowest, widthOf(cell) + padding);
    }
  }
  return rows.map((row) => `${row.map((cell, index) => pad(cell, index, row, widths)).join("")}\n`).join("");
}

function pad(cell: string, index: number, row: readonly string[], widths: readonly number[]): string {
  return index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - widthOf(cell));
}

/** Characters, not code units. */
function widthOf(cell: string): number {
  return [...cell].length;
}
