import { createHash } from "node:crypto";
import { parentPort } from "node:worker_threads";

/** The program of the thread of a `PieceHash`: answers each piece when it is hashed, and the word `digest` with the digest, in hex. */
if (parentPort === null) throw new Error("this file is the program of a thread");
const port = parentPort;
const hash = createHash("sha256");

port.on("message", (piece: Uint8Array | "digest") => {
  if (piece === "digest") port.postMessage(hash.digest("hex"));
  else {
    hash.update(piece);
    port.postMessage(undefined);
  }
});
