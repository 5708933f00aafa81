import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Handler } from "../../test/support/listen.ts";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { digestOf } from "../oci/digest.ts";
import { collected, registriesOfTest, repositoryOfTest, uploadOf } from "./testing.ts";

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7) % 251));
const blob = { digest: digestOf(bytes), size: bytes.length };

/** A registry whose answers to GET of a blob are these, one after the other; the last one stays. */
async function answering(...answers: readonly Handler[]): Promise<ScriptedRegistry> {
  let n = 0;
  const registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    const answer = answers[Math.min(n++, answers.length - 1)];
    return answer?.(request, response);
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

const gets = ({ requests }: ScriptedRegistry): readonly unknown[] =>
  requests.filter(({ path }) => path !== "/v2/").map(({ headers }) => headers["range"]);

const from =
  (first: number, last: number = bytes.length - 1): Handler =>
  (_, response) => {
    const range = `bytes ${first}-${last}/${bytes.length}`;
    response.writeHead(206, { "content-range": range, "content-length": last + 1 - first });
    response.end(bytes.subarray(first, last + 1));
  };

const whole: Handler = (_, response) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes);

/** The whole is announced, and cut behind some of it. */
const cutAt =
  (length: number): Handler =>
  (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, length), () => response.destroy());
  };

test("a blob that is cut goes on at the byte where it stopped", async () => {
  const registry = await answering(cutAt(100_000), from(100_000));
  expect(await collected(repositoryOfTest(registry.host).blob(blob))).toEqual(bytes);
  expect(gets(registry)).toEqual([undefined, "bytes=100000-"]);
});

test("what a server sends again, though it was asked for the rest, is passed over", async () => {
  const registry = await answering(cutAt(100_000), whole);
  expect(await collected(repositoryOfTest(registry.host).blob(blob))).toEqual(bytes);
});

test("a part that begins earlier than asked, or ends sooner than the blob, is made use of", async () => {
  const registry = await answering(from(50_000, 199_999), from(200_000));
  const rest = await collected(repositoryOfTest(registry.host).blob(blob, { offset: 70_000 }));
  expect(rest).toEqual(bytes.subarray(70_000));
  expect(gets(registry)).toEqual(["bytes=70000-", "bytes=200000-"]);
});

test.each([
  ["a part of it", from(100_000, 199_999)],
  ["all of it", whole],
])("a part of a blob is asked for as such, and made of %s", async (_, handler) => {
  const registry = await answering(handler);
  const part = await collected(repositoryOfTest(registry.host).blob(blob, { offset: 100_000, end: 200_000 }));
  expect(part).toEqual(bytes.subarray(100_000, 200_000));
  expect(gets(registry)).toEqual(["bytes=100000-199999"]);
});

test("where nothing but a part will do, a server that gives the whole is told off before its bytes are read", async () => {
  const registry = await answering(whole);
  const part = repositoryOfTest(registry.host).blob(blob, { offset: 100_000, end: 200_000, partOnly: true });
  await expect(collected(part)).rejects.toMatchObject({
    kind: "unavailable",
    message: "the registry gives no parts of blobs",
  });
  expect(await collected(repositoryOfTest(registry.host).blob(blob, { partOnly: true }))).toEqual(bytes);
});

test("a blob of which all is there is not asked for", async () => {
  const registry = await answering(whole);
  expect(await collected(repositoryOfTest(registry.host).blob(blob, { offset: blob.size }))).toEqual(Buffer.alloc(0));
  expect(gets(registry)).toEqual([]);
});

test("a body from which nothing comes any more is a cut", async () => {
  const stalling: Handler = (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    response.write(bytes.subarray(0, 1000));
  };
  const registry = await answering(stalling, from(1000));
  const repository = repositoryOfTest(registry.host, { patience: { stall: 200 } });
  expect(await collected(repository.blob(blob))).toEqual(bytes);
});

test("a byte now and then is a stall, too", async () => {
  const trickling: Handler = (_, response) => {
    response.writeHead(200, { "content-length": bytes.length });
    const timer = setInterval(() => response.write("x"), 20);
    response.once("close", () => clearInterval(timer));
  };
  const registry = await answering(trickling);
  const repository = repositoryOfTest(registry.host, {
    patience: { stall: 100 },
    settings: { maxDownloadAttempts: 1 },
  });
  await expect(collected(repository.blob(blob))).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringMatching(
      /^Get "http:\/\/.*\/v2\/app\/blobs\/sha256:[0-9a-f]+": nothing came for 0.1 seconds$/,
    ),
  });
});

test("nor is it overlooked when its time is over while a piece is being read", async () => {
  const trickling: Handler = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("x"), 30);
    response.on("close", () => clearInterval(timer));
  };
  const registry = await answering(trickling);
  const settings = { maxDownloadAttempts: 1 };
  const stream = repositoryOfTest(registry.host, { settings, patience: { stall: 100 } }).blob(blob);
  const read = async (): Promise<void> => {
    for await (const _ of stream) await sleep(60);
  };
  await expect(read()).rejects.toThrow("nothing came for 0.1 seconds");
});

test("a slow reader is no stall", async () => {
  const registry = await answering(whole);
  const stream = repositoryOfTest(registry.host, { patience: { stall: 1000 } }).blob(blob);
  let size = 0;
  for await (const chunk of stream) {
    if (size === 0) await new Promise((done) => setTimeout(done, 1500));
    size += chunk.length;
  }
  expect(size).toBe(bytes.length);
  expect(gets(registry)).toHaveLength(1);
});

test("attempts are counted, and end with what the last one said", async () => {
  const registry = await answering(cutAt(0));
  const repository = repositoryOfTest(registry.host, { settings: { maxDownloadAttempts: 2 } });
  await expect(collected(repository.blob(blob))).rejects.toMatchObject({
    message: expect.stringMatching(/: unexpected EOF$/),
  });
  expect(gets(registry)).toHaveLength(2);
});

test.each<[string, Handler, RegExp]>([
  [
    "more bytes than announced to have",
    (_, response) => void response.end(Buffer.concat([bytes, bytes])),
    /another size/,
  ],
  ["endless bytes", endless, /another size/],
  ["fewer bytes, and says so", (_, response) => void response.end(bytes.subarray(1)), /another size/],
  [
    "a length of another blob",
    (_, response) => void response.writeHead(200, { "content-length": 3 }).end("abc"),
    /another size/,
  ],
  ["a part behind the one asked for", from(10), /another part/],
  [
    "a part of another blob",
    (_, response) => void response.writeHead(206, { "content-range": "bytes 0-9/10" }).end("0123456789"),
    /another part/,
  ],
  ["a part that doesn't say which", (_, response) => void response.writeHead(206).end("x"), /another part/],
])("a registry that sends %s is refused, and nothing beyond the blob is passed on", async (_, handler, message) => {
  const registry = await answering(handler);
  let size = 0;
  const read = async (): Promise<void> => {
    for await (const chunk of repositoryOfTest(registry.host).blob(blob)) size += chunk.length;
  };
  await expect(read()).rejects.toMatchObject({ kind: "data-loss", message: expect.stringMatching(message) });
  expect(size).toBeLessThanOrEqual(blob.size);
  expect(gets(registry)).toHaveLength(1);
});

function endless(_: unknown, response: Parameters<Handler>[1]): void {
  const more = (): void => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on("drain", more);
  more();
}

test("a signal ends what is under way with its reason, and so does the end of the registries", async () => {
  const stalling: Handler = (_, response) => void response.writeHead(200).write(bytes.subarray(0, 1000));
  const registry = await answering(stalling);
  const controller = new AbortController();
  const reason = new Error("enough");
  const read = async (): Promise<void> => {
    const stream = repositoryOfTest(registry.host).blob(blob, { signal: controller.signal });
    for await (const _ of stream) controller.abort(reason);
  };
  await expect(read()).rejects.toBe(reason);
  await using registries = registriesOfTest();
  const stream = registries.repository({ domain: registry.host, path: "app" }).blob(blob)[Symbol.asyncIterator]();
  await stream.next();
  const next = stream.next();
  const ended = expect(next).rejects.toThrow("the connections are closed");
  await registries[Symbol.asyncDispose]();
  await ended;
});

test("a mirror is asked first; where it fails on the way, the registry itself goes on", async () => {
  const mirror = await answering(cutAt(100_000));
  const registry = await answering(from(100_000));
  const registries = new Map([[registry.host, { mirrors: [mirror.url] }]]);
  const repository = repositoryOfTest(registry.host, { settings: { registries, maxDownloadAttempts: 1 } });
  expect(await collected(repository.blob(blob))).toEqual(bytes);
  expect([gets(mirror), gets(registry)]).toEqual([[undefined], ["bytes=100000-"]]);
});

test("a registry that the settings block is not contacted", async () => {
  const registry = await answering(whole);
  const settings = { registries: new Map([[registry.host, { blocked: true }]]) };
  const repository = repositoryOfTest(registry.host, { settings });
  const error = {
    kind: "not-found",
    message: `pull access denied for ${registry.host}/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
    hint: `The settings file blocks ${registry.host}: nobody was asked.`,
  };
  await expect(repository.manifest("v1")).rejects.toMatchObject(error);
  await expect(collected(repository.blob(blob))).rejects.toMatchObject(error);
  await expect(repository.hasBlob(blob.digest)).rejects.toMatchObject(error);
  const written = registriesOfTest({ settings }).repository(
    { domain: registry.host, path: "app" },
    { isWritten: true },
  );
  await expect(written.upload(uploadOf(bytes))).rejects.toMatchObject({
    kind: "permission-denied",
    message: "denied: requested access to the resource is denied",
    hint: error.hint,
  });
  expect(registry.requests).toEqual([]);
});
