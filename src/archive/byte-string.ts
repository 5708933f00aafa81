/**
 * Bytes as a string with one character per byte (latin1).
 *
 * Names of files need not be UTF-8. In this form they compare and sort by bytes, serve as keys of a Map, and cost
 * nothing where they are ASCII.
 */
export type ByteString = string;

/** Sort order of byte strings. */
export function byBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: all 128 characters of ASCII are meant
const ascii = /^[\x00-\x7f]*$/;
const escaped = /[\udc80-\udcff]/;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A name as Node's file system calls take it: the string itself where it is ASCII, else its bytes. */
export function pathOf(bytes: ByteString): string | Buffer {
  return ascii.test(bytes) ? bytes : Buffer.from(bytes, "latin1");
}

/**
 * The bytes of `text` in UTF-8. U+DC80 to U+DCFF stand for the bytes 0x80 to 0xff that are no UTF-8, as {@link textOf} writes them.
 */
export function bytesOf(text: string): ByteString {
  if (ascii.test(text)) return text;
  if (!escaped.test(text)) return Buffer.from(text, "utf8").toString("latin1");
  let bytes = "";
  for (const character of text) {
    const code = character.charCodeAt(0);
    const isEscape = character.length === 1 && code >= 0xdc80 && code <= 0xdcff;
    bytes += isEscape ? String.fromCharCode(code - 0xdc00) : Buffer.from(character, "utf8").toString("latin1");
  }
  return bytes;
}

/**
 * `bytes` as text. What is no UTF-8 becomes U+DC80 to U+DCFF, one for each byte (Python's surrogateescape), so that
 * {@link bytesOf} and JSON give the same bytes back.
 */
export function textOf(bytes: ByteString): string {
  if (ascii.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, "latin1");
  try {
    return strict.decode(buffer);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  let text = "";
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    text += length === 0 ? String.fromCharCode(0xdc00 + (buffer[at] ?? 0)) : buffer.toString("utf8", at, at + length);
    at += Math.max(length, 1);
  }
  return text;
}

/** Length of the well-formed UTF-8 sequence at `at`, or 0. */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const slice = buffer.subarray(at, at + length);
  return slice.length === length && Buffer.from(slice.toString("utf8")).equals(slice) ? length : 0;
}
