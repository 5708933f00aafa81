/** Bytes from `first` up to `end`, which isn't among them. */
export interface ByteRange {
  readonly first: number;
  readonly end: number;
}

/**
 * Which bytes a `Range` header asks for: one range; undefined for the whole, which also answers what isn't understood, and several
 * ranges at once; `unsatisfiable` where there are no such bytes.
 *
 * @see RFC 9110 section 14.2
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const [, first = "", last = ""] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/i.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { first: size - length, end: size };
  }
  if (last !== "" && Number(last) < Number(first)) return undefined;
  if (Number(first) >= size) return "unsatisfiable";
  return { first: Number(first), end: last === "" ? size : Math.min(Number(last) + 1, size) };
}
