const hoursPerDay = 24;
const hoursPerWeek = 7 * hoursPerDay;
const hoursPerMonth = 30 * hoursPerDay;
const hoursPerYear = 365 * hoursPerDay;

/** A span of time in the words of Docker's tables: `About an hour`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(milliseconds / 3_600_000);
  if (hours === 1) return "About an hour";
  if (hours < 2 * hoursPerDay) return `${hours} hours`;
  if (hours < 2 * hoursPerWeek) return `${Math.trunc(hours / hoursPerDay)} days`;
  if (hours < 2 * hoursPerMonth) return `${Math.trunc(hours / hoursPerWeek)} weeks`;
  if (hours < 2 * hoursPerYear) return `${Math.trunc(hours / hoursPerMonth)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / hoursPerYear)} years`;
}

/** `2 minutes ago`. @param time RFC 3339 */
export function ago(time: string, now: number = Date.now()): string {
  return `${humanDuration(now - Date.parse(time))} ago`;
}
