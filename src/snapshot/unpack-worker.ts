import { parentPort } from "node:worker_threads";
import { sentError } from "../base/sent-error.ts";
import { linux } from "../host/syscalls.ts";
import { LowerLayersNeeded, unpackLayer } from "./unpack-layer.ts";
import type { FromThread, ToThread } from "./unpack-thread.ts";

/** The program of an {@link UnpackThread}. */
if (parentPort === null) throw new Error("this file is the program of a thread");
const port = parentPort;

type Unpacking = Extract<ToThread, { kind: "unpack" }>;
type Piece = Exclude<ToThread, { kind: "unpack" }>;

/** Pieces that came in and weren't taken, and how to tell whoever waits for one. */
const pieces: Piece[] = [];
let wake: () => void = () => {};
/** How often the archive was opened. */
let opened = 0;

port.on("message", (message: ToThread) => {
  if (message.kind === "unpack") {
    void unpack(message);
    return;
  }
  pieces.push(message);
  wake();
});

async function unpack({ places, archive }: Unpacking): Promise<void> {
  opened = 0;
  pieces.length = 0;
  const report = (event: Extract<FromThread, { kind: "event" }>["event"]): void => tell({ kind: "event", event });
  try {
    const source = { ...archive, open: incoming, report, onUnpacked: () => tell({ kind: "unpacked" }) };
    tell({ kind: "done", layer: await unpackLayer(linux, { ...places, lower: undefined }, source) });
  } catch (error) {
    tell(error instanceof LowerLayersNeeded ? { kind: "below" } : { kind: "failed", error: sentError(error) });
  }
}

/** The archive's bytes from its beginning; the memory of a piece goes back when the next one is asked for. */
async function* incoming(): AsyncGenerator<Uint8Array> {
  const current = ++opened;
  tell({ kind: "open" });
  for (;;) {
    const piece = await nextPiece();
    if (piece.opened !== current) {
      // What is left of an earlier reading.
      if (piece.kind === "bytes") giveBack(piece.bytes.buffer);
    } else if (piece.kind === "end") return;
    else if (piece.kind === "broken") throw new Error("the source of the archive failed");
    else {
      try {
        yield Buffer.from(piece.bytes.buffer, 0, piece.bytes.length);
      } finally {
        giveBack(piece.bytes.buffer);
      }
    }
  }
}

async function nextPiece(): Promise<Piece> {
  for (;;) {
    const piece = pieces.shift();
    if (piece !== undefined) return piece;
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    await promise;
  }
}

function giveBack(memory: ArrayBuffer): void {
  port.postMessage({ kind: "free", memory } satisfies FromThread, [memory]);
}

function tell(message: FromThread): void {
  port.postMessage(message);
}
