/** The engines, in the order of the table's columns. */
export const engineNames = ["berth", "docker", "podman", "buildah"] as const;

/** An engine that is timed. */
export type EngineName = (typeof engineNames)[number];

/** One line of the comparison: medians in milliseconds. */
export interface Row {
  readonly name: string;
  /** How often each was timed. */
  readonly pairs: number;
  /** Null for an engine that can't do it on this machine; absent for one that has no such verb. */
  readonly medians: Readonly<Partial<Record<EngineName, number | null>>>;
  /** berth's median by Docker's. */
  readonly ratio: number;
}

/** Something else than a time. */
export interface Figure {
  readonly name: string;
  /** With their units; absent for an engine that can't, or isn't looked at. */
  readonly values: Readonly<Partial<Record<EngineName, string>>>;
  readonly aim: string;
}

/** All that was measured, and on what. */
export interface Results {
  readonly machine: string;
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
}

/** Times of one engine in milliseconds, one of each round; undefined when it can't. */
export type Times = readonly number[] | undefined;

/** The medians of a measurement. */
export function summarize(name: string, times: ReadonlyMap<EngineName, Times>): Row {
  const medians = new Map([...times].map(([engine, each]) => [engine, each === undefined ? null : median(each)]));
  const [berth, docker] = [medians.get("berth") ?? Number.NaN, medians.get("docker") ?? Number.NaN];
  return {
    name,
    pairs: times.get("berth")?.length ?? 0,
    medians: Object.fromEntries(
      [...medians].map(([engine, each]) => [engine, each === null ? null : Math.round(each)]),
    ),
    ratio: Number((berth / docker).toFixed(2)),
  };
}

/** What was measured, as Markdown. */
export function page({ machine, rows, figures }: Results): string {
  const lines = rows.map(
    ({ name, pairs, medians, ratio }) =>
      `| ${[name, ...engineNames.map((engine) => cell(medians[engine])), `${ratio}x`, pairs].join(" | ")} |`,
  );
  const head = [
    "| | berth | Docker | Podman | Buildah | berth by Docker | rounds |",
    "|---|---:|---:|---:|---:|---:|---:|",
  ];
  const own = figures.map(({ name, values, aim }) => {
    const cells = engineNames.map((engine) => values[engine] ?? "");
    return `| ${[name, ...cells, aim].join(" | ")} |`;
  });
  const ownHead = ["| | berth | Docker | Podman | Buildah | aim |", "|---|---:|---:|---:|---:|---:|"];
  const ownTable = own.length === 0 ? [] : ["", ...ownHead, ...own];
  return [...head, ...lines, ...ownTable, "", `Medians, measured in turn on ${machine}.`, ""].join("\n");
}

function cell(milliseconds: number | null | undefined): string {
  if (milliseconds === undefined) return "";
  return milliseconds === null ? "can't here" : `${milliseconds} ms`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = low] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
