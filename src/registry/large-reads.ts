import type { Agent, IncomingMessage } from "node:http";
import type { Socket } from "node:net";

/** Bytes that are read at once: less than a connection brings while a piece is written, and few enough for the processor's cache. */
const readSize = 256 << 10;
/** Pieces that wait for their reader, at most. One more is read into, and one is the reader's. */
const mostReady = 2;
/** Bytes of a body from which on it is worth a connection, which is not used again. */
const worthwhile = 8 << 20;

/** Takes the bytes of a connection from its parser. */
interface Tap {
  /** @returns false where the connection must wait until there is room */
  readonly take: (bytes: Buffer) => boolean;
}

/** Connections that read large pieces, and who has taken their bytes over. */
const taps = new WeakMap<Socket, { tap: Tap | undefined; readonly free: Buffer[] }>();

/**
 * Have the connections of an agent read 256 KiB at once instead of 64, into the same memory: Node's parser copies what is a body. Without
 * TLS alone: what is encrypted comes in pieces of 16 KiB.
 */
export function withLargeReads(agent: Agent): Agent {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const state: { tap: Tap | undefined; readonly free: Buffer[] } = { tap: undefined, free: [] };
    const read = (length: number, buffer: Uint8Array): boolean => {
      const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
      if (state.tap !== undefined) return state.tap.take(bytes.subarray(0, length));
      socket?.emit("data", bytes.subarray(0, length));
      state.free.push(bytes);
      return true;
    };
    const onread = { buffer: () => state.free.pop() ?? Buffer.allocUnsafeSlow(readSize), callback: read };
    const socket = connect({ ...options, onread } as typeof options, callback) as Socket | null | undefined;
    if (socket) taps.set(socket, state);
    return socket;
  };
  return agent;
}

/**
 * The body of an answer as its connection reads it, past Node's parser: a third of the processor time, and no memory but that of four
 * reads. A piece is good until the next one is asked for. The connection is closed at the end.
 *
 * @returns undefined where the body is too small for that, or its length isn't known, or comes with TLS
 */
export function bodyPastParser(incoming: IncomingMessage): AsyncIterable<Buffer> | undefined {
  const { socket, headers } = incoming;
  const length = Number(headers["content-length"] ?? Number.NaN);
  const isPlain = headers["transfer-encoding"] === undefined && taps.has(socket);
  return isPlain && length >= worthwhile ? tapped(incoming, length) : undefined;
}

async function* tapped(incoming: IncomingMessage, length: number): AsyncGenerator<Buffer> {
  const { socket } = incoming;
  const state = taps.get(socket);
  if (state === undefined) return;
  const ready: Buffer[] = [];
  let changed = Promise.withResolvers<void>();
  const wake = (): void => changed.resolve();
  incoming.once("close", wake);
  // From here on nothing reaches the parser, nor what it has passed on so far anybody else.
  state.tap = {
    take: (bytes) => {
      ready.push(bytes);
      wake();
      return ready.length < mostReady;
    },
  };
  let left = length;
  const taken = (piece: Buffer): Buffer => {
    const part = piece.subarray(0, left);
    left -= part.length;
    return part;
  };
  try {
    for (let early = incoming.read() as Buffer | null; early !== null; early = incoming.read() as Buffer | null) {
      yield taken(early);
    }
    socket.resume();
    while (left > 0) {
      const piece = ready.shift();
      if (piece === undefined) {
        if (incoming.destroyed) throw incoming.errored ?? Object.assign(new Error("aborted"), { code: "ECONNRESET" });
        changed = Promise.withResolvers();
        await changed.promise;
        continue;
      }
      yield taken(piece);
      state.free.push(Buffer.from(piece.buffer, 0, readSize));
      socket.resume();
    }
  } finally {
    incoming.off("close", wake);
    incoming.destroy();
  }
}
