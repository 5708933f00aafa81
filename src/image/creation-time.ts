const secondsOnly = /^\d{1,11}$/;

/**
 * SOURCE_DATE_EPOCH: the latest time that anything in an image gets, so that equal content makes equal images. Seconds since
 * the epoch; undefined where it isn't set, or no number.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function sourceDateEpoch(text: string | undefined = process.env["SOURCE_DATE_EPOCH"]): number | undefined {
  return text !== undefined && secondsOnly.test(text) ? Number(text) : undefined;
}

/** The same as the latest time of a layer's files, for a commit of theirs. */
export function latestTime(epoch: number | undefined = sourceDateEpoch()): { readonly latest?: bigint } {
  return epoch === undefined ? {} : { latest: BigInt(epoch) * 1_000_000_000n };
}

/** When something that is made now says that it was made, RFC 3339. */
export function creationTime(epoch: number | undefined = sourceDateEpoch()): string {
  return (epoch === undefined ? new Date() : new Date(epoch * 1000)).toISOString();
}
