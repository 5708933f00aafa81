import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import { fullName } from "../../oci/reference.ts";
import type { PushPlan } from "../engine-types.ts";
import { align } from "../format/align.ts";

/** What a push would do, as a table: its layers, the topmost first, and what it comes to. */
export function pushPlanText({ reference, digest, size, blobs, bytes }: PushPlan): string {
  const rows = blobs.map(({ id = "config", digest: blob, size: length, action, from }) => {
    return [
      id,
      blob === undefined ? "" : shortID(blob),
      humanSize(length, 3),
      from === undefined ? action : `${action} from ${from}`,
    ];
  });
  const sent = blobs.filter(({ action }) => action === "upload");
  return [
    `${fullName(reference)}\n`,
    align([["LAYER", "BLOB", "SIZE", "ACTION"], ...rows]),
    `${sent.length} of ${blobs.length} blobs to upload, ${humanSize(bytes, 3)}\n`,
    `${reference.tag}: digest: ${digest} size: ${size}\n`,
  ].join("");
}

/** What the plans of several tags come to. @param sizes bytes that each uploads beside those before */
export function allPlansText(sizes: readonly number[]): string {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return `In all ${humanSize(bytes, 3)} to upload for ${sizes.length} tags\n`;
}
