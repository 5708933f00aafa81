const booleans: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

/** What Go's `strconv.ParseBool` takes. @throws {Error} with Go's text */
export function parseBool(text: string): boolean {
  const value = Object.hasOwn(booleans, text) ? booleans[text] : undefined;
  if (value === undefined) throw new Error(`strconv.ParseBool: parsing ${quote(text)}: invalid syntax`);
  return value;
}

/** A decimal, octal (`0o17`) or hexadecimal whole number that a double holds. @throws {Error} with Go's text */
export function parseInteger(text: string): number {
  if (!/^[+-]?(\d+|0x[\da-f]+|0o[0-7]+|0b[01]+)$/i.test(text)) {
    throw new Error(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`);
  }
  const digits = text.replace(/^[+-]/, "");
  const value = Number(digits);
  if (!Number.isSafeInteger(value)) throw new Error(`strconv.ParseInt: parsing ${quote(text)}: value out of range`);
  return text.startsWith("-") ? -value : value;
}

/** A string in double quotes as Go's `%q` writes it. */
export function quote(text: string): string {
  return JSON.stringify(text);
}

const multipliers: Readonly<Record<string, number>> = {
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
};

/** A size as `64m`, `1.5GiB`, `4096`, in bytes; units are powers of 1024. @throws {Error} with the text of Docker's go-units */
export function parseBytes(text: string): number {
  const [, number = "", suffix = ""] = /^(.*[\d. ])?([^\d. ]*)$/s.exec(text) ?? [];
  if (number === "") throw new Error(`invalid size: '${text}'`);
  const digits = number.endsWith(" ") ? number.slice(0, -1) : number;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits)) {
    throw new Error(`strconv.ParseFloat: parsing ${quote(digits)}: invalid syntax`);
  }
  const size = Number(digits);
  if (size < 0) throw new Error(`invalid size: '${text}'`);
  const unit = suffix.toLowerCase();
  if (unit === "" || unit === "b") return Math.trunc(size);
  const multiplier = multipliers[unit.charAt(0)];
  if (multiplier === undefined || !["", "b", "ib"].includes(unit.slice(1))) {
    throw new Error(`invalid suffix: '${unit}'`);
  }
  return Math.trunc(size * multiplier);
}

/** `--memory-swap`: a size, or -1 for no limit. @throws {Error} with the text of Docker's go-units */
export function parseMemorySwap(text: string): number {
  return text === "-1" ? -1 : parseBytes(text);
}

/** `--cpus`: a decimal or a fraction of CPUs, in billionths. @throws {Error} with Docker's text */
export function parseCpus(text: string): number {
  const [, numerator, denominator = "1"] = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:\/(\d+))?$/.exec(text) ?? [];
  if (numerator === undefined || Number(denominator) === 0) {
    throw new Error(`failed to parse ${text} as a rational number`);
  }
  const [, fraction = ""] = numerator.split(".");
  if (fraction.replace(/0+$/, "").length > 9) throw new Error("value is too precise");
  return Math.round((Number(numerator) / Number(denominator)) * 1e9);
}

const durationUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it, `1h30m`, in milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const part = /(\d+\.?\d*|\.\d+)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/y;
  let total = 0;
  let at = 0;
  while (at < text.length) {
    part.lastIndex = at;
    const found = part.exec(text);
    if (found === null) return undefined;
    total += Number(found[1]) * (durationUnits[found[2] ?? ""] ?? 0);
    at = part.lastIndex;
  }
  return text === "" ? undefined : total;
}
