import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { ImageSummary } from "../engine-types.ts";
import { goTime } from "../format/go-time.ts";
import { ago } from "../format/human-duration.ts";
import type { Listing } from "../format/listing.ts";

/** One line of `images`: an image has one for each of its names, or one without. */
export interface ImageRow {
  readonly image: ImageSummary;
  /** `<none>` where there is none. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** How many containers use it; where that was asked for. */
  readonly containers?: number;
  /** Bytes of its layers that others have as well; where that was asked for. */
  readonly shared?: number;
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
  raw: `repository: {{ .Repository }}
tag: {{.Tag}}
image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}
`,
  table: ["Repository", "Tag", "ID", "CreatedSince", "Size"],
  columns: {
    ID: { heading: "IMAGE ID", text: ({ image, whole }) => (whole ? image.id : shortID(image.id)) },
    Repository: { heading: "REPOSITORY", text: ({ repository }) => repository },
    Tag: { heading: "TAG", text: ({ tag }) => tag },
    Digest: { heading: "DIGEST", text: ({ digest }) => digest },
    CreatedSince: {
      heading: "CREATED",
      text: ({ image, now }) => (image.created === undefined ? "N/A" : ago(image.created, now)),
    },
    CreatedAt: {
      heading: "CREATED AT",
      text: ({ image }) => (image.created === undefined ? "N/A" : goTime(image.created)),
    },
    Size: { heading: "SIZE", text: ({ image }) => humanSize(image.size, 3) },
    Containers: {
      heading: "CONTAINERS",
      text: ({ containers }) => (containers === undefined ? "N/A" : String(containers)),
    },
    SharedSize: {
      heading: "SHARED SIZE",
      text: ({ shared }) => (shared === undefined ? "N/A" : humanSize(shared)),
    },
    UniqueSize: {
      heading: "UNIQUE SIZE",
      text: ({ image, shared }) => (shared === undefined ? "N/A" : humanSize(image.size - shared)),
    },
    VirtualSize: { heading: "VIRTUAL SIZE", text: ({ image }) => humanSize(image.size) },
  },
};

/** What {@link imageRows} takes beside the image. */
export interface ImageRowOptions extends Pick<ImageRow, "whole" | "now" | "containers"> {
  /** A name with a digest is a line of its own, or part of its tags' lines. */
  readonly digests?: boolean;
}

/** The lines of an image: one for each tag of a repository and, where they are wanted, for each of its digests. */
export function imageRows(image: ImageSummary, { digests = false, ...options }: ImageRowOptions): readonly ImageRow[] {
  const names = image.references.map(splitName);
  const byRepository = [...Map.groupBy(names, ({ repository }) => repository).values()];
  const shown = names.length > 0 ? byRepository.flatMap((own) => linesOf(own, digests)) : [unnamed];
  return shown.map((name) => ({ image, ...name, ...options }));
}

type Name = Pick<ImageRow, "repository" | "tag" | "digest">;

const unnamed: Name = { repository: none, tag: none, digest: none };

/** @param names those of one repository */
function linesOf(names: readonly Name[], digests: boolean): readonly Name[] {
  const tagged = names.filter(({ tag }) => tag !== none);
  const digested = names.filter(({ tag }) => tag === none);
  if (tagged.length === 0) return digests ? digested : digested.slice(0, 1);
  if (!digests || digested.length === 0) return tagged;
  return tagged.flatMap((name) => digested.map(({ digest }) => ({ ...name, digest })));
}

/** `host:5000/a/b:tag@digest` in its parts. */
export function splitName(reference: string): Name {
  const [name = "", digest = none] = reference.split("@");
  const colon = name.lastIndexOf(":");
  const tagged = colon > name.lastIndexOf("/");
  return { repository: tagged ? name.slice(0, colon) : name, tag: tagged ? name.slice(colon + 1) : none, digest };
}
