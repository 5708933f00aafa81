import { BerthError } from "../base/errors.ts";

/** Writes of the forms that SSH has for data. @see RFC 4251, section 5 */
export const wire = {
  /** Bytes with their length in front. */
  string: (value: Uint8Array | string): Buffer => {
    const bytes = Buffer.from(value as Uint8Array);
    return Buffer.concat([wire.uint32(bytes.length), bytes]);
  },
  uint32: (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  },
  /** A number above zero, from bytes of which the most significant is the first. */
  mpint: (value: Uint8Array): Buffer => {
    const first = value.findIndex((byte) => byte !== 0);
    const bytes = first < 0 ? Buffer.alloc(0) : Buffer.from(value.subarray(first));
    const isHigh = (bytes[0] ?? 0) >= 0x80;
    return wire.string(isHigh ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
  },
};

/** Reads what {@link wire} writes. */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws {BerthError} invalid-argument, at the end */
  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** @throws {BerthError} invalid-argument, when less is there than is announced */
  string(): Buffer {
    return this.#take(this.uint32());
  }

  text(): string {
    return this.string().toString("latin1");
  }

  #take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new BerthError("invalid-argument", "ssh: short read");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
