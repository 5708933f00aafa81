import { request } from "node:http";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { listen } from "../../test/support/listen.ts";
import { exchange } from "./connection.ts";

afterEach(() => void vi.useRealTimers());

test("an answer that comes before the body has ended leaves nothing to wait for", async () => {
  const server = await listen((_, response) => void response.writeHead(401, { "Content-Length": 0 }).end());
  onTestFinished(() => server[Symbol.asyncDispose]());
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const answered = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      yield Buffer.from("a");
      await answered.promise;
      yield Buffer.from("b");
    } finally {
      ended.resolve();
    }
  }
  const sent = { method: "PATCH", url: new URL(`http://${server.host}/`), headers: {}, body: { bytes: bytes() } };
  const { status, discard } = await exchange(request, sent, { connect: 1000, answer: 1000, stall: 1000 });
  discard();
  answered.resolve();
  await ended.promise;
  // Whoever asked for the bytes goes on after that.
  await new Promise(setImmediate);
  expect(status).toBe(401);
  expect(vi.getTimerCount()).toBe(0);
});
