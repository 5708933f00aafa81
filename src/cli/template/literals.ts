const escapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

const escapePattern = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs;

/** The text of a string with its quotes, `"…"` or `` `…` ``; undefined when an escape is none of Go's. */
export function stringOf(quoted: string): string | undefined {
  if (quoted.startsWith("`")) return quoted.slice(1, -1);
  let isValid = true;
  const text = quoted.slice(1, -1).replace(escapePattern, (whole, code: string) => {
    const named = code.length === 1 ? escapes[code] : undefined;
    if (named !== undefined) return named;
    if (/^[xuU]./.test(code)) return String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10_ff_ff));
    if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8));
    isValid = false;
    return whole;
  });
  return isValid ? text : undefined;
}

/** The number of a character with its quotes, `'a'`; undefined when it is not one. */
export function characterOf(quoted: string): number | undefined {
  const letters = [...(stringOf(quoted) ?? "")];
  return letters.length === 1 ? letters[0]?.codePointAt(0) : undefined;
}

/** A number as Go writes it: `1`, `0x1F`, `0o17`, `1_000`, `1e3`; undefined when it is none. */
export function numberOf(text: string): number | undefined {
  const [, sign = "", digits = ""] = /^([+-]?)(.*)$/s.exec(text.replaceAll("_", "")) ?? [];
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits}` : digits;
  const value = octal === "" ? Number.NaN : Number(octal);
  if (Number.isNaN(value)) return undefined;
  return sign === "-" ? -value : value;
}
