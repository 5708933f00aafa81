/** Lines that a failed step is reported with. */
const lineLimit = 10;

/** Most characters of one line that are kept. */
const lengthLimit = 4096;

/** Remembers the last lines of a command's output, whichever stream they came on. */
export class OutputTail {
  readonly #decoder = new TextDecoder();
  readonly #lines: string[] = [""];

  /** Take a piece of output, which may end within a line or a character. */
  add(data: Uint8Array): void {
    const [rest = "", ...lines] = this.#decoder.decode(data, { stream: true }).split("\n");
    this.#lines.push(`${this.#lines.pop() ?? ""}${rest}`.slice(0, lengthLimit), ...lines);
    this.#lines.splice(0, this.#lines.length - lineLimit - 1);
  }

  /** The last lines, without an empty one at the end. */
  get lines(): readonly string[] {
    const lines = this.#lines.at(-1) === "" ? this.#lines.slice(0, -1) : this.#lines;
    return lines.slice(-lineLimit);
  }
}
