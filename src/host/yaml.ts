/** A line of a document without its indentation. */
interface Line {
  readonly indent: number;
  readonly text: string;
  /** As people count. */
  readonly number: number;
}

/** Mappings and lists in each other. */
const mostDepth = 64;

/**
 * Read YAML as generators of device specifications write it: mappings and lists by indentation, scalars on one line. What
 * goes beyond (anchors, tags, texts of several lines) is an error.
 *
 * @throws {Error} with the number of the line
 * @see YAML 1.2
 */
export function parseYaml(text: string): unknown {
  const lines = linesOf(text);
  if (lines.length === 0) return null;
  const reader = new YamlReader(lines);
  const value = reader.node(0);
  reader.finish();
  return value;
}

function linesOf(text: string): Line[] {
  const lines = text.split(/\r?\n/).map((line, index) => {
    const indent = line.length - line.trimStart().length;
    return { indent, text: line.trim(), number: index + 1 };
  });
  const used = lines.filter(({ text }) => text !== "" && !text.startsWith("#"));
  return used[0]?.text === "---" ? used.slice(1) : used;
}

class YamlReader {
  readonly #lines: Line[];
  #at = 0;

  constructor(lines: Line[]) {
    this.#lines = lines;
  }

  /** A mapping, a list, or a scalar that stands alone. */
  node(depth: number): unknown {
    const line = this.#line;
    if (line === undefined) return null;
    if (depth > mostDepth) throw wrong(line, `more than ${mostDepth} levels`);
    if (isItem(line.text)) return this.#list(line.indent, depth);
    if (pairIn(line) !== undefined) return this.#mapping(line.indent, depth);
    this.#at++;
    return scalar(line, line.text);
  }

  finish(): void {
    if (this.#line !== undefined) throw wrong(this.#line, "indentation that fits nothing");
  }

  get #line(): Line | undefined {
    return this.#lines[this.#at];
  }

  #list(indent: number, depth: number): readonly unknown[] {
    const items: unknown[] = [];
    for (let line = this.#line; line?.indent === indent && isItem(line.text); line = this.#line) {
      const rest = line.text.slice(1).trimStart();
      if (rest === "") {
        this.#at++;
        items.push(this.#below(indent, depth));
        continue;
      }
      // What follows the dash begins where it stands.
      this.#lines[this.#at] = { ...line, indent: indent + line.text.length - rest.length, text: rest };
      items.push(this.node(depth + 1));
    }
    return items;
  }

  #mapping(indent: number, depth: number): Readonly<Record<string, unknown>> {
    const entries = new Map<string, unknown>();
    for (let line = this.#line; line?.indent === indent && !isItem(line.text); line = this.#line) {
      const pair = pairIn(line);
      if (pair === undefined) throw wrong(line, "no key");
      if (entries.has(pair.key)) throw wrong(line, `the key ${pair.key} twice`);
      this.#at++;
      const next = this.#line;
      // A list may stand as far to the left as its key.
      const isList = pair.value === "" && next?.indent === indent && isItem(next.text);
      if (isList) entries.set(pair.key, this.#list(indent, depth + 1));
      else entries.set(pair.key, pair.value === "" ? this.#below(indent, depth) : scalar(line, pair.value));
    }
    return Object.fromEntries(entries);
  }

  #below(indent: number, depth: number): unknown {
    return (this.#line?.indent ?? 0) > indent ? this.node(depth + 1) : null;
  }
}

function isItem(text: string): boolean {
  return text === "-" || text.startsWith("- ");
}

function pairIn(line: Line): { readonly key: string; readonly value: string } | undefined {
  const [, quotedKey, plainKey, value = ""] =
    /^(?:("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|([^"'[{][^\n]*?))\s*:(?:\s+(.*))?$/.exec(line.text) ?? [];
  const key = quotedKey === undefined ? plainKey : String(scalar(line, quotedKey));
  if (key === undefined || key.includes(" #")) return undefined;
  return { key, value: value.startsWith("#") ? "" : value };
}

const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["null", null],
  ["~", null],
  ["true", true],
  ["false", false],
]);

function scalar(line: Line, text: string): unknown {
  const [, quoted] = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')\s*(?:#.*)?$/.exec(text) ?? [];
  if (quoted !== undefined)
    return quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll("''", "'") : json(line, quoted);
  const plain = text.replace(/\s#.*$/, "").trim();
  if (/^[[{]/.test(plain)) return json(line, plain);
  if (/^[&*!|>%@`"'?,\]}]/.test(plain)) throw wrong(line, `what begins with ${plain.charAt(0)}`);
  if (words.has(plain)) return words.get(plain);
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(plain) ? Number(plain) : plain;
}

function json(line: Line, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw wrong(line, error.message);
    throw error;
  }
}

function wrong({ number }: Line, what: string): Error {
  return new Error(`line ${number}: berth doesn't read ${what}`);
}
