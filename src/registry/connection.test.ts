import { Agent, request } from "node:http";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { listen } from "../../test/support/listen.ts";
import { exchange, type Open } from "./connection.ts";

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

test("the request after an answer that was finished takes its connection", async () => {
  const ports = new Set<number | undefined>();
  const server = await listen(({ socket }, response) => {
    ports.add(socket.remotePort);
    response.writeHead(401, { "Content-Length": 2 }).write("{");
    // Its end comes later than its head.
    setTimeout(() => response.end("}"), 20);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const agent = new Agent({ keepAlive: true });
  const open: Open = (url, options) => request(url, { ...options, agent });
  const sent = { method: "GET", url: new URL(`http://${server.host}/`), headers: {} };
  for (let round = 0; round < 3; round++) {
    const response = await exchange(open, sent, { connect: 1000, answer: 1000, stall: 1000 });
    await response.finish();
  }
  expect(ports.size).toBe(1);
});

test("an answer whose end doesn't come is given up after the time of a stall", async () => {
  const server = await listen((_, response) => void response.writeHead(401, { "Content-Length": 2 }).write("{"));
  onTestFinished(() => server[Symbol.asyncDispose]());
  const sent = { method: "GET", url: new URL(`http://${server.host}/`), headers: {} };
  const response = await exchange(request, sent, { connect: 1000, answer: 1000, stall: 50 });
  await response.finish();
  expect(response.status).toBe(401);
});
