import { ArgumentError, type Callable } from "../eval/scope.ts";
import { number, object, text, type Value } from "../value/value.ts";
import { define, numberOf, param, textOf } from "./define.ts";

/** A moment, and the offset of the clock that it is read from. */
interface Moment {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Minutes. */
  readonly offset: number;
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function parseTimestamp(given: string): Moment {
  const found = rfc3339.exec(given);
  const at = Date.parse(given);
  if (found === null || Number.isNaN(at)) throw new Error(`not a valid RFC3339 timestamp: ${JSON.stringify(given)}`);
  const zone = found[8] ?? "Z";
  if (zone === "Z") return { at, offset: 0 };
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4));
  return { at, offset: zone.startsWith("-") ? -minutes : minutes };
}

const months = "January February March April May June July August September October November December".split(" ");
const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function zone({ offset }: Moment, separator: string): string {
  const size = Math.abs(offset);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}

/** The clock's own time, read as if it were UTC. */
function clock({ at, offset }: Moment): Date {
  return new Date(at + offset * 60_000);
}

function rfc3339Text(moment: Moment): string {
  const shown = clock(moment).toISOString().slice(0, 19);
  return `${shown}${moment.offset === 0 ? "Z" : zone(moment, ":")}`;
}

type Verbs = Readonly<Record<string, (moment: Moment) => string>>;

const verbs: Verbs = {
  YY: (moment) => two(clock(moment).getUTCFullYear() % 100),
  YYYY: (moment) => String(clock(moment).getUTCFullYear()).padStart(4, "0"),
  M: (moment) => String(clock(moment).getUTCMonth() + 1),
  MM: (moment) => two(clock(moment).getUTCMonth() + 1),
  MMM: (moment) => (months[clock(moment).getUTCMonth()] ?? "").slice(0, 3),
  MMMM: (moment) => months[clock(moment).getUTCMonth()] ?? "",
  D: (moment) => String(clock(moment).getUTCDate()),
  DD: (moment) => two(clock(moment).getUTCDate()),
  EEE: (moment) => (weekdays[clock(moment).getUTCDay()] ?? "").slice(0, 3),
  EEEE: (moment) => weekdays[clock(moment).getUTCDay()] ?? "",
  h: (moment) => String(clock(moment).getUTCHours()),
  hh: (moment) => two(clock(moment).getUTCHours()),
  H: (moment) => String(clock(moment).getUTCHours() % 12 || 12),
  HH: (moment) => two(clock(moment).getUTCHours() % 12 || 12),
  AA: (moment) => (clock(moment).getUTCHours() < 12 ? "AM" : "PM"),
  aa: (moment) => (clock(moment).getUTCHours() < 12 ? "am" : "pm"),
  m: (moment) => String(clock(moment).getUTCMinutes()),
  mm: (moment) => two(clock(moment).getUTCMinutes()),
  s: (moment) => String(clock(moment).getUTCSeconds()),
  ss: (moment) => two(clock(moment).getUTCSeconds()),
  Z: (moment) => (moment.offset === 0 ? "Z" : zone(moment, ":")),
  ZZZ: (moment) => (moment.offset === 0 ? "UTC" : zone(moment, "")),
  ZZZZ: (moment) => zone(moment, ""),
  ZZZZZ: (moment) => zone(moment, ":"),
};

const usage: Readonly<Record<string, string>> = {
  Y: 'year must either be "YY" or "YYYY"',
  M: 'month must be "M", "MM", "MMM", or "MMMM"',
  D: 'day of month must either be "D" or "DD"',
  E: 'day of week must either be "EEE" or "EEEE"',
  h: '24-hour must either be "h" or "hh"',
  H: '12-hour must either be "H" or "HH"',
  A: 'must be "AA"',
  a: 'must be "aa"',
  m: 'minute must either be "m" or "mm"',
  s: 'second must either be "s" or "ss"',
  Z: "timezone must be Z, ZZZZ, or ZZZZZ",
};

function formatDate(format: string, moment: Moment): string {
  return format.replaceAll(
    /'((?:[^']|'')*)'|'|([A-Za-z])\2*|[^A-Za-z']+/g,
    (token, quoted?: string, letter?: string) => {
      if (quoted !== undefined) return quoted === "" ? "'" : quoted.replaceAll("''", "'");
      if (token === "'") throw new ArgumentError(0, "unterminated literal '", "format");
      if (letter === undefined) return token;
      const write = verbs[token];
      if (write !== undefined) return write(moment);
      const known = usage[letter];
      const why = known === undefined ? "" : `: ${known}`;
      throw new ArgumentError(0, `invalid date format verb ${JSON.stringify(token)}${why}`, "format");
    },
  );
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 36e5,
};

/** Milliseconds of a duration of Go's: `-1h30m`. */
function duration(given: string): number {
  const [, sign, rest = ""] = /^([+-]?)((?:[\d.]+(?:ns|us|[\u00b5\u03bc]s|ms|s|m|h))+|0)$/.exec(given) ?? [];
  if (sign === undefined) throw new Error(`time: invalid duration ${JSON.stringify(given)}`);
  const parts = [...rest.matchAll(/([\d.]+)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/g)];
  const sum = parts.reduce((total, [, count, unit]) => total + Number(count) * (units[unit ?? ""] ?? 0), 0);
  return sign === "-" ? -sum : sum;
}

function fromUnix(value: number): Moment {
  if (!Number.isInteger(value) || Math.abs(value) > 8.64e12)
    throw new ArgumentError(0, "unix timestamp must be an integer", "unix_timestamp");
  return { at: value * 1000, offset: 0 };
}

/** ISO 8601's week: the one of its Thursday. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(date);
  thursday.setUTCDate(date.getUTCDate() + 4 - (date.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  return { year, week: Math.ceil(((thursday.getTime() - Date.UTC(year, 0, 1)) / 864e5 + 1) / 7) };
}

function parts(moment: Moment): Value {
  const date = clock(moment);
  const { year, week } = isoWeek(date);
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 864e5) + 1;
  return object(
    Object.entries({
      year: number(date.getUTCFullYear()),
      year_day: number(dayOfYear),
      day: number(date.getUTCDate()),
      month: number(date.getUTCMonth() + 1),
      month_name: text(months[date.getUTCMonth()] ?? ""),
      weekday: number(date.getUTCDay()),
      weekday_name: text(weekdays[date.getUTCDay()] ?? ""),
      hour: number(date.getUTCHours()),
      minute: number(date.getUTCMinutes()),
      second: number(date.getUTCSeconds()),
      rfc3339: text(rfc3339Text(moment)),
      iso_year: number(year),
      iso_week: number(week),
    }),
  );
}

function momentOf(value: Value | undefined): Moment {
  if (value?.kind === "string") return parseTimestamp(value.value);
  if (value?.kind === "number") return fromUnix(value.value);
  throw new ArgumentError(1, "must be a string timestamp or a unix timestamp number", "time");
}

/** Functions of time. @see go-cty, function/stdlib/datetime.go */
export const dateFunctions: Readonly<Record<string, Callable>> = {
  formatdate: define({
    params: [param("format", "string"), param("time", "string")],
    run: ([format, time]) => text(formatDate(textOf(format), parseTimestamp(textOf(time)))),
  }),
  formattimestamp: define({
    params: [param("format", "string"), param("time", "dynamic")],
    run: ([format, time]) => {
      const moment = momentOf(time);
      return text(textOf(format) === "X" ? String(Math.floor(moment.at / 1000)) : formatDate(textOf(format), moment));
    },
  }),
  timeadd: define({
    params: [param("timestamp", "string"), param("duration", "string")],
    run: ([timestamp, added]) => {
      const { at, offset } = parseTimestamp(textOf(timestamp));
      return text(rfc3339Text({ at: at + duration(textOf(added)), offset }));
    },
  }),
  timestamp: define({ params: [], run: () => text(rfc3339Text({ at: Date.now(), offset: 0 })) }),
  unixtimestampparse: define({
    params: [param("unix_timestamp", "number")],
    run: ([value]) => parts(fromUnix(numberOf(value))),
  }),
};
