import { humanSize } from "../../base/human-size.ts";
import { goTime } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";
import type { DiskUsage } from "./usage-rows.ts";

type Build = DiskUsage["builds"][number];

/** One line of `builder du`. */
export interface BuilderRow {
  readonly build: Build;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Whether a star marks what is shared, and what changes. */
  readonly inTable: boolean;
}

const isMutable = ({ type }: Build): boolean => type === "exec.cachemount";

/** `builder du`: fields, headings and the default table of buildx. @see buildx commands/diskusage.go */
export const builderListing: Listing<BuilderRow> = {
  type: "*commands.diskusageContext",
  table: ["ID", "Reclaimable", "Size", "LastUsedAt"],
  columns: {
    ID: { heading: "ID", text: ({ build, inTable }) => `${build.id}${inTable && isMutable(build) ? "*" : ""}` },
    CreatedAt: { heading: "CREATED AT", text: ({ build }) => goTime(build.created) },
    Mutable: { heading: "MUTABLE", text: ({ build }) => String(isMutable(build)) },
    Reclaimable: { heading: "RECLAIMABLE", text: () => "true" },
    Shared: { heading: "SHARED", text: ({ build }) => String(build.shared) },
    Size: {
      heading: "SIZE",
      text: ({ build, inTable }) => `${humanSize(build.size)}${inTable && build.shared ? "*" : ""}`,
    },
    Description: { heading: "DESCRIPTION", text: ({ build }) => build.description },
    UsageCount: { heading: "USAGE COUNT", text: ({ build }) => String(build.uses ?? "") },
    LastUsedAt: { heading: "LAST ACCESSED", text: ({ build, now }) => ago(build.used, now) },
    Type: { heading: "TYPE", text: ({ build }) => build.type },
  },
};

/** A record as `--verbose` shows it. */
export function prettyRecord({ build, now }: BuilderRow): string {
  const lines = [
    ["ID", build.id],
    ["Created at", goTime(build.created)],
    ["Mutable", isMutable(build)],
    ["Reclaimable", true],
    ["Shared", build.shared],
    ["Size", humanSize(build.size)],
    ["Description", build.description],
    ["Usage count", build.uses ?? ""],
    ["Last used", ago(build.used, now)],
    ["Type", build.type],
  ] as const;
  return lines
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${`${name}:`.padEnd(14)}${value}\n`)
    .join("");
}

/** What all of it takes, below the table. */
export function spaceSummary(builds: readonly Build[]): string {
  const sum = (of: readonly Build[]): number => of.reduce((total, { size }) => total + size, 0);
  const shared = sum(builds.filter((build) => build.shared));
  const own = sum(builds.filter((build) => !build.shared));
  const lines = [
    ...(shared > 0 ? [`Shared:\t\t${humanSize(shared)}`, `Private:\t${humanSize(own)}`] : []),
    `Reclaimable:\t${humanSize(own)}`,
    `Total:\t\t${humanSize(own + shared)}`,
  ];
  return `${lines.join("\n")}\n`;
}
