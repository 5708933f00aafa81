import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Handler } from "../../test/support/listen.ts";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { digestOf } from "../oci/digest.ts";
import { repositoryOfTest, type TestRegistries } from "./testing.ts";

const bytes = randomBytes(9 << 20);
const blob = { digest: digestOf(bytes), size: bytes.length };

/** A registry whose answers to GET of a blob are these, one after the other. */
async function answering(...answers: readonly Handler[]): Promise<ScriptedRegistry> {
  let n = 0;
  const registry = await openScriptedRegistry((request, response) => {
    return request.url === "/v2/" ? void response.end() : answers[n++]?.(request, response);
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

const whole: Handler = (_, response) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes);

/** The digest of what comes, whose memory is used again; `onPiece` is waited for. */
async function digestFrom(
  host: string,
  options: TestRegistries & { readonly onPiece?: () => unknown } = {},
): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of repositoryOfTest(host, options).blob(blob, { fleeting: true })) {
    await options.onPiece?.();
    hash.update(piece);
  }
  return `sha256:${hash.digest("hex")}`;
}

test("a large body comes whole, and each piece stays as it is until the next one is asked for", async () => {
  const registry = await answering(whole);
  let n = 0;
  expect(await digestFrom(registry.host, { onPiece: () => n++ % 5 === 0 && sleep(2) })).toBe(blob.digest);
});

test("where it is cut, it goes on at the byte where it stopped", async () => {
  const cutAt = 5_000_001;
  const cut: Handler = (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, cutAt), () => response.destroy());
  };
  const rest: Handler = ({ headers }, response) => {
    const first = Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1]);
    response.writeHead(206, { "content-range": `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    response.end(bytes.subarray(first));
  };
  const registry = await answering(cut, rest);
  expect(await digestFrom(registry.host)).toBe(blob.digest);
  expect(registry.requests).toHaveLength(3);
});

test("where nothing comes any more, it is a stall", async () => {
  const stalling: Handler = (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 1 << 20));
  };
  const registry = await answering(stalling);
  const options = { patience: { stall: 100 }, settings: { maxDownloadAttempts: 1 } };
  await expect(digestFrom(registry.host, options)).rejects.toThrow(/nothing came for 0.1 seconds$/);
});

test("what a server sends behind the end is no part of it", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (request) => {
      const head = (length: number): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`;
      if (!request.includes("/blobs/")) socket.write(head(0));
      else socket.end(Buffer.concat([Buffer.from(head(bytes.length)), bytes, Buffer.from(`${head(3)}abc`)]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as { readonly port: number };
  expect(await digestFrom(`127.0.0.1:${port}`)).toBe(blob.digest);
});

test("a signal ends it with its reason", async () => {
  const registry = await answering(whole);
  const controller = new AbortController();
  const read = async (): Promise<void> => {
    const pieces = repositoryOfTest(registry.host).blob(blob, { fleeting: true, signal: controller.signal });
    for await (const _ of pieces) controller.abort(new Error("enough"));
  };
  await expect(read()).rejects.toThrow("enough");
});
