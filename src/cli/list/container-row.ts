import { shortID } from "../../base/ids.ts";
import type { Container, ContainerState } from "../../container/container.ts";
import { goTime } from "../format/go-time.ts";
import { ago, humanDuration } from "../format/human-duration.ts";
import { humanSize } from "../format/human-size.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `ps`. */
export interface ContainerRow {
  readonly container: Container;
  /** Whole IDs and commands. */
  readonly whole: boolean;
  /** Bytes of its own layer and of everything; where they were asked for. */
  readonly size?: { readonly rw: number; readonly rootFs: number };
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Columns of a command that is cut short, the ellipsis included. */
const commandWidth = 20;

/** `ps`: fields, headings and the default table as Docker has them. */
export const containerListing: Listing<ContainerRow> = {
  type: "*formatter.ContainerContext",
  table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
  columns: {
    ID: { heading: "CONTAINER ID", text: ({ container, whole }) => (whole ? container.id : shortID(container.id)) },
    Image: { heading: "IMAGE", text: ({ container }) => container.request.image },
    Command: { heading: "COMMAND", text: commandText },
    CreatedAt: { heading: "CREATED AT", text: ({ container }) => goTime(container.created) },
    RunningFor: { heading: "CREATED", text: ({ container, now }) => ago(container.created, now) },
    Status: { heading: "STATUS", text: ({ container, now }) => statusText(container.state, now) },
    State: { heading: "STATE", text: ({ container }) => container.state.status },
    Ports: { heading: "PORTS", text: () => "" },
    Names: { heading: "NAMES", text: ({ container }) => container.name },
    Size: { heading: "SIZE", text: sizeText },
    Labels: { heading: "LABELS", text: ({ container }) => pairs(container.config.Labels) },
    Label: { heading: "LABEL", argument: ({ container }, name) => container.config.Labels?.[name] ?? "" },
    Mounts: { heading: "MOUNTS", text: mountsText },
    LocalVolumes: { heading: "LOCAL VOLUMES", text: ({ container }) => String(volumesOf(container).length) },
    Networks: { heading: "NETWORKS", text: ({ container }) => container.request.network },
  },
};

/** `Up 2 seconds`, `Exited (0) 3 minutes ago`, `Created`. */
function statusText(state: ContainerState, now: number): string {
  switch (state.status) {
    case "created":
      return "Created";
    case "running":
      return `Up ${humanDuration(now - Date.parse(state.startedAt))}`;
    case "paused":
      return `Up ${humanDuration(now - Date.parse(state.startedAt))} (Paused)`;
    case "exited":
      return `Exited (${state.code}) ${ago(state.finishedAt, now)}`;
    default:
      return state satisfies never;
  }
}

function commandText({ container, whole }: ContainerRow): string {
  const command = container.config.args.map(shownWord).join(" ");
  const letters = [...command];
  const shown = whole || letters.length <= commandWidth ? command : `${letters.slice(0, commandWidth - 1).join("")}…`;
  return JSON.stringify(shown);
}

/** A word as Docker writes it in `COMMAND`: in single quotes where it has spaces. */
function shownWord(word: string, index: number): string {
  return index > 0 && word.includes(" ") ? `'${word}'` : word;
}

function sizeText({ size }: ContainerRow): string {
  if (size === undefined) return humanSize(0, 3);
  return `${humanSize(size.rw, 3)} (virtual ${humanSize(size.rootFs, 3)})`;
}

function pairs(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join(",");
}

function volumesOf(container: Container): Container["config"]["mounts"] {
  return container.config.mounts.filter(({ kind }) => kind === "volume");
}

function mountsText({ container, whole }: ContainerRow): string {
  const names = container.config.mounts.map(({ name, source }) => name ?? source);
  return names.map((name) => (whole || name.length <= 15 ? name : `${name.slice(0, 14)}…`)).join(",");
}
