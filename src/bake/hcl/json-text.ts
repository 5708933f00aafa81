import { bakeLimits } from "../limits.ts";
import { HclError } from "./hcl-error.ts";
import type { Range, Source } from "./source.ts";

/** JSON, and where in its file it is. */
export type JsonNode =
  | { readonly kind: "text"; readonly value: string; readonly range: Range }
  | { readonly kind: "number"; readonly value: number; readonly range: Range }
  | { readonly kind: "bool"; readonly value: boolean; readonly range: Range }
  | { readonly kind: "null"; readonly range: Range }
  | { readonly kind: "array"; readonly items: readonly JsonNode[]; readonly range: Range }
  | { readonly kind: "object"; readonly members: readonly JsonMember[]; readonly range: Range };

/** A member of an object; a name may come more than once. */
export interface JsonMember {
  readonly name: string;
  readonly nameRange: Range;
  readonly value: JsonNode;
}

/** Read JSON text. @throws {HclError} */
export function parseJsonText(source: Source): JsonNode {
  const reader = new JsonReader(source);
  const node = reader.value(0);
  reader.end();
  return node;
}

const space = /[ \t\r\n]*/y;
const quoted = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;
const numeral = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const word = /true|false|null/y;

class JsonReader {
  readonly #source: Source;
  #at = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  value(depth: number): JsonNode {
    if (depth > bakeLimits.nesting) throw this.#error(`values can be nested ${bakeLimits.nesting} deep`);
    this.#take(space);
    const start = this.#at;
    const sign = this.#source.text[start];
    if (sign === "{") return this.#object(depth, start);
    if (sign === "[") return this.#array(depth, start);
    if (sign === '"') return { kind: "text", value: this.#text(), range: this.#from(start) };
    const name = this.#take(word);
    if (name === "null") return { kind: "null", range: this.#from(start) };
    if (name !== undefined) return { kind: "bool", value: name === "true", range: this.#from(start) };
    const digits = this.#take(numeral);
    if (digits === undefined) throw this.#error("a value is required here");
    return { kind: "number", value: Number(digits), range: this.#from(start) };
  }

  end(): void {
    this.#take(space);
    if (this.#at < this.#source.text.length) throw this.#error("there is something behind the value");
  }

  #object(depth: number, start: number): JsonNode {
    const members: JsonMember[] = [];
    this.#list("}", () => {
      const nameStart = this.#at;
      const name = this.#text();
      const nameRange = this.#from(nameStart);
      this.#sign(":");
      members.push({ name, nameRange, value: this.value(depth + 1) });
    });
    return { kind: "object", members, range: this.#from(start) };
  }

  #array(depth: number, start: number): JsonNode {
    const items: JsonNode[] = [];
    this.#list("]", () => items.push(this.value(depth + 1)));
    return { kind: "array", items, range: this.#from(start) };
  }

  /** What stands between an opening sign and `close`, with commas between. */
  #list(close: string, item: () => void): void {
    this.#at++;
    this.#take(space);
    if (this.#source.text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      this.#take(space);
      item();
      this.#take(space);
      const sign = this.#source.text[this.#at];
      if (sign !== "," && sign !== close) throw this.#error(`"," or ${JSON.stringify(close)} is required here`);
      this.#at++;
      if (sign === close) return;
    }
  }

  #text(): string {
    const found = this.#take(quoted);
    if (found === undefined) throw this.#error("a text in double quotes is required here");
    return JSON.parse(found);
  }

  #sign(sign: string): void {
    this.#take(space);
    if (this.#source.text[this.#at] !== sign) throw this.#error(`${JSON.stringify(sign)} is required here`);
    this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source.text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #from(start: number): Range {
    return { source: this.#source, start, end: this.#at };
  }

  #error(why: string): HclError {
    const range = { source: this.#source, start: this.#at, end: this.#at + 1 };
    return new HclError(range, "Invalid JSON", `This is no JSON: ${why}.`);
  }
}
