/** Milliseconds since some moment, which no change of the time of day moves. `performance.now()` would load a module of its own first. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
