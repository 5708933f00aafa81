/** The bytes behind the first `skip`. */
export async function* behind<T extends Uint8Array>(bytes: AsyncIterable<T>, skip: number): AsyncGenerator<Uint8Array> {
  let rest = skip;
  for await (const chunk of bytes) {
    if (rest === 0) yield chunk;
    else if (rest < chunk.length) yield chunk.subarray(rest);
    rest -= Math.min(rest, chunk.length);
  }
}

/** Bytes that are in memory, as a stream. */
export async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The same bytes in pieces of `size`, but for the last. */
export async function* piecesOf(bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of bytes) {
    let rest = chunk;
    while (held + rest.length >= size) {
      yield Buffer.concat([...chunks, rest.subarray(0, size - held)]);
      rest = rest.subarray(size - held);
      chunks = [];
      held = 0;
    }
    chunks.push(rest);
    held += rest.length;
  }
  if (held > 0) yield Buffer.concat(chunks);
}
