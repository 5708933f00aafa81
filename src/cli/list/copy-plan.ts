import { humanSize } from "../../base/human-size.ts";
import { shortID } from "../../base/ids.ts";
import type { CopyPlan } from "../../copy/copy.ts";
import { bytesSent, type PlannedBlob } from "../../registry/send.ts";
import { align } from "../format/align.ts";

/** Blobs of several copies, each once, and what goes of them. */
export function eachOnce(blobs: readonly PlannedBlob[]): Pick<CopyPlan, "blobs" | "bytes"> {
  const once = [...new Map(blobs.map((blob) => [blob.digest ?? blob.id, blob])).values()];
  return { blobs: once, bytes: bytesSent(once) };
}

/** What a copy would do, as a table: its blobs, and what they come to. */
export function copyPlanText({ digest, blobs, bytes }: Pick<CopyPlan, "digest" | "blobs" | "bytes">): string {
  const rows = blobs.map(({ id, digest: blob, size, isEstimate, action, from }) => {
    const done = action === "upload" ? (blob === undefined ? "convert" : "copy") : action;
    const length = `${isEstimate === true ? "about " : ""}${humanSize(size, 3)}`;
    const name = blob ?? id;
    return [name === undefined ? "" : shortID(name), length, from === undefined ? done : `${done} from ${from}`];
  });
  const sent = blobs.filter(({ action }) => action === "upload");
  const about = sent.some(({ isEstimate }) => isEstimate === true) ? "about " : "";
  return [
    align([["BLOB", "SIZE", "ACTION"], ...rows]),
    `${sent.length} of ${blobs.length} blobs to copy, ${about}${humanSize(bytes, 3)}\n`,
    ...(digest === undefined ? [] : [`Digest: ${digest}\n`]),
  ].join("");
}
