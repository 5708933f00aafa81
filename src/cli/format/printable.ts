// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const unprintable = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** Text of an image's maker, with nothing left in it that a terminal or a page obeys: `\x1b` for an escape. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => {
    const code = character.charCodeAt(0);
    // A byte of a name that is no UTF-8.
    const shown = code >= 0xdc80 && code <= 0xdcff ? code - 0xdc00 : code;
    return shown > 0xff ? `\\u${shown.toString(16)}` : `\\x${shown.toString(16).padStart(2, "0")}`;
  });
}

/** The same of text that may have several lines, and tabs. */
export function printableLines(text: string): string {
  return text.replace(/[^\n\t]+/g, printable);
}

/** At most `width` characters, the ellipsis included. */
export function shortened(text: string, width: number): string {
  const letters = [...text];
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

const shellPrefix = /^(?:RUN )?(?:\|\d+ .*?)?\/bin\/sh -c (?:#\(nop\) *)?/;

/** The instruction that made a layer, in one line and without what Docker puts in front of each. */
export function instructionText(createdBy: string): string {
  const isPlain = createdBy.includes("#(nop)");
  const text = createdBy
    .replace(shellPrefix, isPlain ? "" : "RUN ")
    .replaceAll(/\s+/g, " ")
    .trim();
  return text === "" ? "(unknown)" : printable(text.replace(/ # buildkit$/, ""));
}

/** `1 layer`, `2 layers` */
export function layersText(count: number): string {
  return `${count} ${count === 1 ? "layer" : "layers"}`;
}
