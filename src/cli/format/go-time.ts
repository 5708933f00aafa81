/** A time as Go prints it with `Time.String`, in UTC and whole seconds: `2026-11-24 23:38:09 +0000 UTC`. @param time RFC 3339 */
export function goTime(time: string): string {
  return `${secondsOf(time).replace("T", " ")} +0000 UTC`;
}

/** The same with what it has of a second's fraction: `2026-11-24 23:38:09.118212078 +0000 UTC`. @param time RFC 3339, in UTC */
export function goTimeWithFraction(time: string): string {
  const fraction = /\.(\d*[1-9])0*Z$/.exec(time)?.[1];
  return `${secondsOf(time).replace("T", " ")}${fraction === undefined ? "" : `.${fraction}`} +0000 UTC`;
}

/** A time in RFC 3339 with whole seconds: `2026-11-24T23:38:09Z`. */
export function rfc3339(time: string): string {
  return `${secondsOf(time)}Z`;
}

function secondsOf(time: string): string {
  return new Date(Date.parse(time)).toISOString().slice(0, 19);
}
