/**
 * When something that is made now says that it was made, RFC 3339.
 *
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function creationTime(epoch: string | undefined = process.env["SOURCE_DATE_EPOCH"]): string {
  const seconds = epoch === undefined || !/^\d+$/.test(epoch) ? undefined : Number(epoch);
  return (seconds === undefined ? new Date() : new Date(seconds * 1000)).toISOString();
}
