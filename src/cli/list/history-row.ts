import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { HistoryLine } from "../engine-types.ts";
import { rfc3339 } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `history`. */
export interface HistoryRow {
  readonly line: HistoryLine & { readonly wasted?: number };
  /** Whole IDs and commands. */
  readonly whole: boolean;
  /** Sizes and times for people. */
  readonly human: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A time before this one says "reproducible", not "old". */
const epoch = Date.UTC(2000, 0, 1);

/** Columns of a command that is cut short, the ellipsis included. */
const commandWidth = 45;

/**
 * `history`: fields, headings and the default table as Docker has them.
 *
 * @param human what `-H` says: the headings depend on it
 * @param waste there is one more field, the bytes that are wasted
 */
export function historyListing(human: boolean, waste: boolean = false): Listing<HistoryRow> {
  const sizeText = (bytes: number): string => (human ? humanSize(bytes, 3) : String(bytes));
  const more = waste ? ["Wasted"] : [];
  return {
    type: "*image.historyContext",
    table: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", ...more, "Comment"],
    columns: {
      ID: { heading: "IMAGE", text: idText },
      CreatedSince: { heading: "CREATED", text: human ? sinceText : createdText },
      CreatedAt: { heading: "CREATED AT", text: createdText },
      CreatedBy: { heading: "CREATED BY", text: commandText },
      Size: {
        heading: "SIZE",
        text: ({ line }) => sizeText(line.size),
      },
      ...(waste ? { Wasted: { heading: "WASTED", text: ({ line }) => sizeText(line.wasted ?? 0) } } : {}),
      Comment: { heading: "COMMENT", text: ({ line }) => line.comment },
    },
  };
}

/** How much of an image is wasted, in one line. */
export function wasteText(rows: readonly HistoryRow[]): string {
  const [size, wasted] = [sum(rows, "size"), sum(rows, "wasted")];
  const human = rows.every((row) => row.human);
  const shown = (bytes: number): string => (human ? humanSize(bytes, 3) : String(bytes));
  const share = size === 0 ? "" : ` (${((100 * wasted) / size).toFixed(1)}%)`;
  return `Total: ${shown(size)}, wasted: ${shown(wasted)}${share}\n`;
}

function sum(rows: readonly HistoryRow[], field: "size" | "wasted"): number {
  return rows.reduce((total, { line }) => total + (line[field] ?? 0), 0);
}

function idText({ line, whole }: HistoryRow): string {
  if (line.id === undefined) return "<missing>";
  return whole ? line.id : shortID(line.id);
}

function createdText({ line }: HistoryRow): string {
  return line.created === undefined ? "" : rfc3339(line.created);
}

function sinceText({ line, now }: HistoryRow): string {
  return line.created === undefined || Date.parse(line.created) < epoch ? "N/A" : ago(line.created, now);
}

function commandText({ line, whole }: HistoryRow): string {
  const command = line.createdBy.replaceAll("\t", " ");
  const letters = [...command];
  return whole || letters.length <= commandWidth ? command : `${letters.slice(0, commandWidth - 1).join("")}…`;
}
