/**
 * RFC 3339, or a part of it, in milliseconds since the epoch, with the fraction of a millisecond that Date.parse drops (to a
 * quarter of a microsecond: equal texts give equal numbers). NaN for what is no time.
 */
export function parseInstant(text: string): number {
  const below = /\.\d{3}(\d+)/.exec(text)?.[1];
  return Date.parse(text) + (below === undefined ? 0 : Number(`0.${below}`));
}

const timeForm = /^(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** True for a time as JSON has it for Go's programs: all of it, with its zone. @see RFC 3339 section 5.6 */
export function isTime(text: string): boolean {
  const day = timeForm.exec(text)?.[1];
  if (day === undefined) return false;
  const date = Date.parse(day);
  // A day that the month hasn't got would be one of the next.
  return !Number.isNaN(date) && new Date(date).toISOString().startsWith(day);
}
