/** A span of time as buildx shows it: `1.4s`, `2m  3s`. */
export function buildDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  return `${Math.trunc(seconds / 60)}m ${String(Math.trunc(seconds) % 60).padStart(2)}s`;
}
