import type { ServerResponse } from "node:http";

/** Milliseconds that a client may take for one piece. */
const patience = 60_000;

/**
 * Send a body piece by piece, each when the one before has left this process: a piece needn't be good for longer.
 *
 * @param begin sends status and headers, when the first piece is there or there is none: what fails before can be told
 * @throws where the client goes away, or takes nothing for a minute; what reading throws, when the connection is cut already
 */
export async function sendBody(
  response: ServerResponse,
  pieces: AsyncIterable<Uint8Array>,
  begin: () => void,
): Promise<void> {
  let hasBegun = false;
  const beginOnce = (): void => {
    if (!hasBegun) begin();
    hasBegun = true;
  };
  try {
    for await (const piece of pieces) {
      beginOnce();
      await write(response, piece);
    }
    beginOnce();
    response.end();
  } catch (error) {
    // The client sees that it hasn't got all.
    if (hasBegun) response.destroy();
    throw error;
  }
}

async function write(response: ServerResponse, piece: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const gone = (): void => reject(new ClientGone("the client went away"));
  const timer = setTimeout(() => reject(new ClientGone("the client takes nothing")), patience);
  response.once("close", gone);
  try {
    if (response.destroyed) gone();
    else response.write(piece, (error) => (error ? reject(error) : resolve()));
    await promise;
  } finally {
    clearTimeout(timer);
    response.off("close", gone);
  }
}

/** Nobody is there any more to get an answer. */
export class ClientGone extends Error {
  override readonly name: string = "ClientGone";
}
