import type { Flags } from "./flags/flag.ts";
import type { Group } from "./group.ts";
import { defaultColumns, flagTable } from "./help.ts";
import { commonCommands, groups, topLevel } from "./registry.ts";

/** The help of `berth` itself, in the layout of Docker's. */
export function overview(flags: Flags, columns: number): string {
  const common = Object.fromEntries(commonCommands.flatMap((name) => entryOf(topLevel, name)));
  const others = Object.entries(topLevel).filter(([name]) => !commonCommands.includes(name));
  const width = widestName([groups, topLevel]);
  return `${[
    "Usage:  berth [OPTIONS] COMMAND",
    "A container engine and image builder without a daemon",
    `Common Commands:\n${summaries(common, width)}`,
    `Management Commands:\n${summaries(groups, width)}`,
    `Commands:\n${summaries(Object.fromEntries(others), width)}`,
    `Global Options:\n${flagTable(flags, columns - 1)}`,
    "Run 'berth COMMAND --help' for more information on a command.",
  ].join("\n\n")}\n`;
}

/** The help of `berth image` and its like. */
export function groupOverview(name: string, { summary, commands, groups: named = {}, flags }: Group): string {
  const inner = Object.fromEntries(
    Object.entries(named).flatMap(([each, path]) => entryOf(groups, path).map(([, entry]) => [each, entry])),
  );
  const width = widestName([commands, inner]);
  return `${[
    `Usage:  berth ${name} ${flags === undefined ? "" : "[OPTIONS] "}COMMAND`,
    summary,
    ...(flags === undefined ? [] : [`Options:\n${flagTable(flags, defaultColumns - 1)}`]),
    ...(Object.keys(inner).length === 0 ? [] : [`Management Commands:\n${summaries(inner, width)}`]),
    `Commands:\n${summaries(commands, width)}`,
    `Run 'berth ${name} COMMAND --help' for more information on a command.`,
  ].join("\n\n")}\n`;
}

interface Summarised {
  readonly summary: string;
}

function entryOf(
  entries: Readonly<Record<string, Summarised>>,
  name: string,
): readonly (readonly [string, Summarised])[] {
  const entry = entries[name];
  return entry === undefined ? [] : [[name, entry]];
}

function summaries(entries: Readonly<Record<string, Summarised>>, width: number): string {
  return Object.entries(entries)
    .map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
    .join("\n");
}

/** Docker's names take at least ten columns. */
function widestName(tables: readonly Readonly<Record<string, Summarised>>[]): number {
  return Math.max(10, ...tables.flatMap((table) => Object.keys(table).map(({ length }) => length)));
}
