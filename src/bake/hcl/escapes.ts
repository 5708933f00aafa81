import type { TokenReader } from "./token-reader.ts";

const simple: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\" };

/** What a part of a here-document or of a JSON file's string means. */
export function unescapeTemplate({ text }: { readonly text: string }): string {
  return text.replaceAll(/([$%])\1\{/g, "$1{");
}

/** What a part of a quoted string means. @throws {HclError} for an escape that there isn't */
export function unescapeQuoted(
  reader: Pick<TokenReader, "error">,
  { text, start }: { readonly text: string; readonly start: number },
): string {
  return text.replaceAll(/\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))|([$%])\4\{/g, (...found) => {
    const [whole, short, long, sign, marker] = found as readonly (string | undefined)[];
    const at = start + Number(found.at(-2));
    if (marker !== undefined) return `${marker}{`;
    const code = short ?? long;
    if (code !== undefined)
      return encoded(reader, Number.parseInt(code, 16), { start: at, end: at + (whole?.length ?? 0) });
    const plain = simple[sign ?? ""];
    if (plain !== undefined) return plain;
    throw reader.error({ start: at, end: at + 2 }, "Invalid escape sequence", escapeDetail(sign ?? ""));
  });
}

function escapeDetail(sign: string): string {
  if (sign === "u") return "The \\u escape sequence must be followed by four hexadecimal digits.";
  if (sign === "U") return "The \\U escape sequence must be followed by eight hexadecimal digits.";
  return `The symbol ${JSON.stringify(sign)} is not a valid escape sequence selector.`;
}

function encoded(
  reader: Pick<TokenReader, "error">,
  code: number,
  range: { readonly start: number; readonly end: number },
): string {
  if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
  const name = code.toString(16).padStart(4, "0");
  throw reader.error(range, "Invalid escape sequence", `Cannot encode character U+${name} in UTF-8.`);
}
