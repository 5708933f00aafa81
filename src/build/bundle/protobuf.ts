import { BerthError } from "../../base/errors.ts";

// Protocol buffers as bytes. @see https://protobuf.dev/programming-guides/encoding/

/** A field of a message: a number, or what has a length. */
export type Field =
  | { readonly number: number; readonly kind: "varint"; readonly value: bigint }
  | { readonly number: number; readonly kind: "bytes"; readonly value: Buffer };

/** A message of fields; one without a value is left out, as the format has it. */
export function message(
  ...fields: readonly (readonly [number: number, value: number | string | Uint8Array | undefined])[]
): Buffer {
  const parts = fields.flatMap(([number, value]) => {
    if (value === undefined || value === 0 || value === "") return [];
    if (typeof value === "number") return [varint(BigInt(number << 3)), varint(BigInt(value))];
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    return [varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes];
  });
  return Buffer.concat(parts);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  // A negative number has the ten bytes of its complement.
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

/** The fields of a message; such of a fixed size are passed over. @throws {BerthError} invalid-argument, for what is no message */
export function* fieldsOf(bytes: Buffer): Generator<Field> {
  const reader = new Reader(bytes);
  while (!reader.isEnd) {
    const tag = reader.varint();
    const number = Number(tag >> 3n);
    const type = Number(tag & 7n);
    if (type === 0) yield { number, kind: "varint", value: BigInt.asIntN(64, reader.varint()) };
    else if (type === 2) yield { number, kind: "bytes", value: reader.take(Number(reader.varint())) };
    else if (type === 1 || type === 5) reader.take(type === 1 ? 8 : 4);
    else throw malformed();
  }
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed();
  }

  take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

function malformed(): BerthError {
  return new BerthError("invalid-argument", "a message of protocol buffers is malformed");
}
