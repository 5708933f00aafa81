const stop = 8;

/** Rows whose cells are lined up by tabs, as buildx's lists are. @see Go, text/tabwriter */
export function tabbed(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => {
    const widest = Math.max(...rows.map((row) => widthOf(row[column] ?? ""))) + 1;
    return Math.ceil(widest / stop) * stop;
  });
  const lines = rows.map((row) =>
    row.map((cell, column) => padded(cell, widths[column] ?? 0, column === row.length - 1)),
  );
  return lines.map((cells) => `${cells.join("")}\n`).join("");
}

function padded(cell: string, width: number, isLast: boolean): string {
  return isLast ? cell : cell + "\t".repeat(Math.ceil((width - widthOf(cell)) / stop));
}

function widthOf(cell: string): number {
  return [...cell].length;
}
