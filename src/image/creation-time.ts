import { BerthError } from "../base/errors.ts";

const number = /^[+-]?\d+$/;
/** Seconds of the years that RFC 3339 has. */
const [firstSecond, lastSecond] = [-62_167_219_200, 253_402_300_799];

/**
 * SOURCE_DATE_EPOCH: the latest time that anything in an image gets, so that equal content makes equal images. Seconds since
 * the epoch, also before it; undefined where it isn't set, or empty.
 *
 * @throws {BerthError} invalid-argument, in buildx's words, for what is no number
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function sourceDateEpoch(text: string | undefined = process.env["SOURCE_DATE_EPOCH"]): number | undefined {
  if (text === undefined || text === "") return undefined;
  const seconds = Number(text);
  if (number.test(text) && seconds >= firstSecond && seconds <= lastSecond) return seconds;
  const why = number.test(text) ? "value out of range" : "invalid syntax";
  const parsing = `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`;
  throw new BerthError("invalid-argument", `invalid SOURCE_DATE_EPOCH: ${text}: ${parsing}`);
}

/** The same as the latest time of a layer's files, for a commit of theirs. */
export function latestTime(epoch: number | undefined = sourceDateEpoch()): { readonly latest?: bigint } {
  return epoch === undefined ? {} : { latest: BigInt(epoch) * 1_000_000_000n };
}

/** When something that is made now says that it was made, RFC 3339. */
export function creationTime(epoch: number | undefined = sourceDateEpoch()): string {
  return (epoch === undefined ? new Date() : new Date(epoch * 1000)).toISOString();
}
