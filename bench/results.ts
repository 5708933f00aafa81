/** One line of the comparison: medians in milliseconds. */
export interface Row {
  readonly name: string;
  readonly pairs: number;
  readonly berth: number;
  readonly docker: number;
  /** berth's median by Docker's. */
  readonly ratio: number;
}

/** The medians of a measurement, out of the times of each pair in milliseconds. */
export function summarize(
  name: string,
  times: { readonly berth: readonly number[]; readonly docker: readonly number[] },
): Row {
  const [berth, docker] = [median(times.berth), median(times.docker)];
  const ratio = Number((berth / docker).toFixed(2));
  return { name, pairs: times.berth.length, berth: Math.round(berth), docker: Math.round(docker), ratio };
}

/** The rows as a Markdown table. */
export function table(machine: string, rows: readonly Row[]): string {
  const lines = rows.map(
    ({ name, pairs, berth, docker, ratio }) => `| ${name} | ${berth} ms | ${docker} ms | ${ratio}x | ${pairs} |`,
  );
  const head = ["| | berth | Docker | berth by Docker | pairs |", "|---|---:|---:|---:|---:|"];
  return [...head, ...lines, "", `Medians, measured in turn on ${machine}.`, ""].join("\n");
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
