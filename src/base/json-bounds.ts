import { BerthError } from "./errors.ts";
import { limits } from "./limits.ts";

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const [leftBracket, rightBracket, leftBrace, rightBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Look at JSON from outside before it is parsed: a byte of `[` takes a hundred as a value, and what lies too deep exceeds the stack of
 * whoever walks through it. What is no JSON passes.
 *
 * @throws {BerthError} invalid-argument, for more values, or deeper ones, than {@link limits} has
 */
export function boundJson(bytes: Uint8Array): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case quote:
        at = endOfText(bytes, at);
        break;
      case comma:
        values++;
        break;
      case leftBracket:
      case leftBrace:
        values++;
        if (++depth > limits.jsonDepth) throw excessive(`nested more than ${limits.jsonDepth} deep`);
        break;
      case rightBracket:
      case rightBrace:
        depth--;
        break;
    }
  }
  if (values > limits.jsonValues) throw excessive(`of more than ${limits.jsonValues} values`);
}

/** Where the text that begins at `start` has its closing quote. */
function endOfText(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === quote) return at;
    if (bytes[at] === backslash) at++;
  }
  return bytes.length;
}

function excessive(what: string): BerthError {
  return new BerthError("invalid-argument", `JSON ${what} is refused`);
}
