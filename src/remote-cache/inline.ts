import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type ChainID, chainIDs, type DiffID } from "../oci/digest.ts";
import { jsonIn } from "../oci/image-index.ts";
import { writtenRecords } from "./exported-records.ts";

/** The field of an image's config that has its cache: base64 of JSON. @see BuildKit cache/remotecache/import.go */
export const inlineField = "moby.buildkit.cache.v0";

/** The JSON of the records in an image's config; undefined where it has none. @throws {BerthError} invalid-argument, when they are too large */
export function inlineRecordsIn(config: Uint8Array): Uint8Array | undefined {
  const value = jsonIn(config);
  const text =
    typeof value === "object" && value !== null ? (value as Record<string, unknown>)[inlineField] : undefined;
  if (typeof text !== "string" || text === "") return undefined;
  if (text.length > 2 * limits.json) throw new BerthError("invalid-argument", "invalid cache config: it is too large");
  return Buffer.from(text, "base64");
}

/** The records of an image as its config has them: those of its own layers with these, others by the names of what they made. */
export function inlineRecords(written: Parameters<typeof writtenRecords>[0], diffIDs: readonly DiffID[]): string {
  const index = new Map<ChainID, number>(chainIDs(diffIDs).map((chain, place) => [chain, place]));
  const records = writtenRecords(written, (chainID) => index.get(chainID));
  return Buffer.from(JSON.stringify(records)).toString("base64");
}
