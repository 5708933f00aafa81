import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { Container, ContainerState } from "../../container/container.ts";
import { familiar, parseReference } from "../../oci/reference.ts";
import { goTime } from "../format/go-time.ts";
import { ago, humanDuration } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `ps`. */
export interface ContainerRow {
  readonly container: Container;
  /** The ID that its image's name means now; the name is shown as long as that is the image that it was made from. */
  readonly meant?: string | undefined;
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
  isChecked: true,
  raw: `container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
`,
  table: ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names"],
  columns: {
    ID: { heading: "CONTAINER ID", text: ({ container, whole }) => (whole ? container.id : shortID(container.id)) },
    Image: { heading: "IMAGE", text: imageText },
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
    Platform: { heading: "PLATFORM", text: () => undefined },
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

/** The name that the container was made with, unless that means another image by now. */
function imageText({ container, meant = container.imageID, whole }: ContainerRow): string {
  const { imageID } = container;
  const given = container.request.image;
  if (meant !== imageID) return whole ? imageID : shortID(imageID);
  if (whole) return given;
  const isID = imageID.startsWith(given) || imageID.slice("sha256:".length).startsWith(given);
  return isID && given.length >= shortID(imageID).length ? shortID(imageID) : shownName(given);
}

/** A name without its digest, as Docker shows it. */
function shownName(name: string): string {
  const [tagged = name] = name.split("@");
  const { tag, ...reference } = parseReference(tagged);
  return familiar(tag === undefined ? reference : { ...reference, tag });
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
  const virtual = size.rootFs > 0 ? ` (virtual ${humanSize(size.rootFs, 3)})` : "";
  return `${humanSize(size.rw, 3)}${virtual}`;
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
