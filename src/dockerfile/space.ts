// White space as Go's unicode.IsSpace has it, which decides where BuildKit's words end. JavaScript's `\s` differs:
// it has U+FEFF and lacks U+0085.
const space = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const one = new RegExp(`^${space}$`);
const runs = new RegExp(`${space}+`);
const leading = new RegExp(`^${space}+`);

/** True for a single white-space character. */
export function isSpace(char: string): boolean {
  return one.test(char);
}

/** True where there is white space anywhere. */
export function hasSpace(text: string): boolean {
  return runs.test(text);
}

/** What stands between runs of white space; the first and the last part are empty when there is some at the ends. */
export function splitAtSpace(text: string): readonly string[] {
  return text.split(runs);
}

/** `text` without white space in front. */
export function trimStart(text: string): string {
  return text.replace(leading, "");
}

/** `text` without white space at either end. */
export function trim(text: string): string {
  let end = text.length;
  // Backwards by hand: an expression anchored at the end would take quadratic time on long runs of blanks.
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return trimStart(text.slice(0, end));
}

/** `text` at its first run of plain blanks: the part before, and the part after when there is such a run. */
export function cutAtBlank(text: string): readonly [string, string?] {
  const match = /[\t\v\f\r ]+/.exec(text);
  if (match === null) return [text];
  return [text.slice(0, match.index), text.slice(match.index + match[0].length)];
}

/** A line without what ends it. */
export function withoutEnd(line: string): string {
  return line.replace(/(?<![\r\n])[\r\n]+$/, "");
}
