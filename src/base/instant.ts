/**
 * RFC 3339, or a part of it, in milliseconds since the epoch, with the fraction of a millisecond that Date.parse drops (to a
 * quarter of a microsecond: equal texts give equal numbers). NaN for what is no time.
 */
export function parseInstant(text: string): number {
  const below = /\.\d{3}(\d+)/.exec(text)?.[1];
  return Date.parse(text) + (below === undefined ? 0 : Number(`0.${below}`));
}
