import { shortID } from "../../base/ids.ts";
import type { Image } from "../engine-types.ts";
import { goTime } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import { humanSize } from "../format/human-size.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `images`: an image has one for each of its names, or one without. */
export interface ImageRow {
  readonly image: Image;
  /** `<none>` where there is none. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** Whole IDs. */
  readonly whole: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What stands for a name that isn't there. */
const none: string = "<none>";

/** `images`: fields, headings and the default table as Docker has them. */
export const imageListing: Listing<ImageRow> = {
  type: "*formatter.imageContext",
  table: ["Repository", "Tag", "ID", "CreatedSince", "Size"],
  columns: {
    ID: { heading: "IMAGE ID", text: ({ image, whole }) => (whole ? image.id : shortID(image.id)) },
    Repository: { heading: "REPOSITORY", text: ({ repository }) => repository },
    Tag: { heading: "TAG", text: ({ tag }) => tag },
    Digest: { heading: "DIGEST", text: ({ digest }) => digest },
    CreatedSince: {
      heading: "CREATED",
      text: ({ image, now }) => (image.config.created === undefined ? "N/A" : ago(image.config.created, now)),
    },
    CreatedAt: {
      heading: "CREATED AT",
      text: ({ image }) => (image.config.created === undefined ? "N/A" : goTime(image.config.created)),
    },
    Size: { heading: "SIZE", text: ({ image }) => humanSize(image.size, 3) },
    Containers: { heading: "CONTAINERS", text: () => "N/A" },
    SharedSize: { heading: "SHARED SIZE", text: () => "N/A" },
    UniqueSize: { heading: "UNIQUE SIZE", text: () => "N/A" },
    VirtualSize: { heading: "VIRTUAL SIZE", text: ({ image }) => humanSize(image.size) },
  },
};

/** The lines of an image. */
export function imageRows(image: Image, options: Pick<ImageRow, "whole" | "now">): readonly ImageRow[] {
  const names = image.references.map(splitName);
  const shown = names.length > 0 ? names : [{ repository: none, tag: none, digest: none }];
  return shown.map((name) => ({ image, ...name, ...options }));
}

/** `host:5000/a/b:tag@digest` in its parts. */
export function splitName(reference: string): Pick<ImageRow, "repository" | "tag" | "digest"> {
  const [name = "", digest = none] = reference.split("@");
  const colon = name.lastIndexOf(":");
  const tagged = colon > name.lastIndexOf("/");
  return { repository: tagged ? name.slice(0, colon) : name, tag: tagged ? name.slice(colon + 1) : none, digest };
}
