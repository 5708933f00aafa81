import { shortID } from "../../base/ids.ts";
import type { HistoryLine } from "../engine-types.ts";
import { rfc3339 } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import { humanSize } from "../format/human-size.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `history`. */
export interface HistoryRow {
  readonly line: HistoryLine;
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

/** `history`: fields, headings and the default table as Docker has them. @param human what `-H` says: the headings depend on it */
export function historyListing(human: boolean): Listing<HistoryRow> {
  return {
    type: "*image.historyContext",
    table: ["ID", human ? "CreatedSince" : "CreatedAt", "CreatedBy", "Size", "Comment"],
    columns: {
      ID: { heading: "IMAGE", text: idText },
      CreatedSince: { heading: "CREATED", text: sinceText },
      CreatedAt: {
        heading: "CREATED AT",
        text: ({ line }) => (line.created === undefined ? "" : rfc3339(line.created)),
      },
      CreatedBy: { heading: "CREATED BY", text: commandText },
      Size: {
        heading: "SIZE",
        text: ({ line }) => (human ? humanSize(line.size, 3) : String(line.size)),
      },
      Comment: { heading: "COMMENT", text: ({ line }) => line.comment },
    },
  };
}

function idText({ line, whole }: HistoryRow): string {
  if (line.id === undefined) return "<missing>";
  return whole ? line.id : shortID(line.id);
}

function sinceText({ line, now }: HistoryRow): string {
  return line.created === undefined || Date.parse(line.created) < epoch ? "N/A" : ago(line.created, now);
}

function commandText({ line, whole }: HistoryRow): string {
  const command = line.createdBy.replaceAll("\t", " ");
  const letters = [...command];
  return whole || letters.length <= commandWidth ? command : `${letters.slice(0, commandWidth - 1).join("")}…`;
}
