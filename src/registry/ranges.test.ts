import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { digestOf } from "../oci/digest.ts";
import type { RangeOptions } from "./ranges.ts";
import { collected, repositoryOfTest } from "./testing.ts";

const bytes = Buffer.from(Array.from({ length: 3 << 19 }, (_, n) => (n * 7 + (n >> 9)) % 251));
const blob = { digest: digestOf(bytes), size: bytes.length };
const size = 64 << 10;
/** Every server is slow by these. */
const always = { size, worthwhile: size, slow: Number.POSITIVE_INFINITY };

/** Told of a range before it is sent. @returns true where it has answered itself */
type OnRange = (response: ServerResponse, range: string) => boolean | Promise<boolean>;

/** A registry that has the blob, and says that it gives parts. */
async function registryWith(onRange: OnRange = () => false): Promise<ScriptedRegistry> {
  const registry = await openScriptedRegistry(async ({ url, headers }, response) => {
    if (url === "/v2/") return void response.end();
    response.setHeader("accept-ranges", "bytes");
    const { range } = headers;
    if (range !== undefined && (await onRange(response, range))) return;
    sendPart(headers, response);
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

function sendPart({ range }: IncomingMessage["headers"], response: ServerResponse): void {
  const [, first = "0", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const end = last === "" ? bytes.length : Number(last) + 1;
  const more = range === undefined ? {} : { "content-range": `bytes ${first}-${end - 1}/${bytes.length}` };
  response.writeHead(range === undefined ? 200 : 206, { "content-length": end - Number(first), ...more });
  response.end(bytes.subarray(Number(first), end));
}

const read = async ({ host }: ScriptedRegistry, ranges: Partial<RangeOptions>): Promise<Buffer> =>
  await collected(repositoryOfTest(host, { ranges, settings: { maxDownloadAttempts: 3 } }).blob(blob));

const asked = ({ requests }: ScriptedRegistry): readonly (string | undefined)[] =>
  requests.filter(({ path }) => path !== "/v2/").map(({ headers }) => headers["range"]?.toString());

test("a large blob that comes slowly is fetched in ranges, as many at once as may be, and comes in order", async () => {
  // None is answered before as many are asked for as may be.
  let waiting = 0;
  const all = Promise.withResolvers<void>();
  const registry = await registryWith(async () => {
    if (++waiting === 4) all.resolve();
    await all.promise;
    return false;
  });
  expect((await read(registry, always)).equals(bytes)).toBe(true);
  const [whole, ...ranges] = asked(registry);
  expect(whole).toBeUndefined();
  expect(ranges.length).toBeGreaterThan(10);
  const firsts = ranges.map((range) => Number(/=(\d+)-/.exec(range ?? "")?.[1])).toSorted((a, b) => a - b);
  expect(firsts).toEqual(firsts.map((_, n) => (firsts[0] ?? Number.NaN) + n * size));
});

test("no more ranges are under way than may be, of all blobs together", async () => {
  let [now, most] = [0, 0];
  const registry = await registryWith(async (response) => {
    most = Math.max(most, ++now);
    void once(response, "close").then(() => now--);
    return false;
  });
  const repository = repositoryOfTest(registry.host, { ranges: { ...always, beside: 2 } });
  const both = await Promise.all([collected(repository.blob(blob)), collected(repository.blob(blob))]);
  expect(both.map((each) => each.equals(bytes))).toEqual([true, true]);
  // One of each, and two beside.
  expect(most).toBeLessThanOrEqual(4);
});

test.each<[string, Partial<RangeOptions>]>([
  ["comes fast", { ...always, slow: 0 }],
  ["has little left", { ...always, worthwhile: bytes.length }],
  ["may have no more connections", { ...always, beside: 0 }],
])("a blob that %s comes over one connection", async (_, ranges) => {
  const registry = await registryWith();
  expect((await read(registry, ranges)).equals(bytes)).toBe(true);
  expect(asked(registry)).toEqual([undefined]);
});

test("a server that says nothing of ranges isn't asked for any", async () => {
  const registry = await openScriptedRegistry(({ url }, response) => void response.end(url === "/v2/" ? "" : bytes));
  onTestFinished(() => registry[Symbol.asyncDispose]());
  expect((await read(registry, always)).equals(bytes)).toBe(true);
  expect(asked(registry)).toEqual([undefined]);
});

test.each<[string, (response: ServerResponse) => void]>([
  ["too many requests", (response) => void response.writeHead(429, { "retry-after": "0" }).end("{}")],
  ["a fault of the server", (response) => void response.writeHead(503).end("{}")],
  ["a cut", (response) => void response.destroy()],
  ["the whole", (response) => void response.writeHead(200, { "content-length": bytes.length }).end(bytes)],
  [
    "another range",
    (response) => void response.writeHead(206, { "content-range": `bytes 0-9/${bytes.length}` }).end("0123456789"),
  ],
])("where a range is answered by %s, the rest comes over one connection", async (_, answer) => {
  const isRange = (range: string): boolean => !range.endsWith("-");
  let [answers, after] = [0, 0];
  const registry = await registryWith((response, range) => {
    if (!isRange(range)) after++;
    if (!isRange(range) || ++answers < 7) return false;
    answer(response);
    return true;
  });
  expect((await read(registry, always)).equals(bytes)).toBe(true);
  expect(after).toBe(1);
  // Those that were under way, and on a connection that was kept once more.
  expect(answers).toBeLessThanOrEqual(6 + 2 * 4);
});

test("to a reader that is done with a piece when it asks for the next, the same comes", async () => {
  const registry = await registryWith();
  const hash = createHash("sha256");
  const pieces = repositoryOfTest(registry.host, { ranges: always }).blob(blob, { fleeting: true });
  for await (const piece of pieces) hash.update(piece);
  expect(`sha256:${hash.digest("hex")}`).toBe(blob.digest);
  expect(asked(registry).length).toBeGreaterThan(10);
});

test("a reader that goes away ends all of them, and gives their connections back", async () => {
  const registry = await registryWith();
  const repository = repositoryOfTest(registry.host, { ranges: always });
  for (let n = 0; n < 5; n++) {
    let had = 0;
    for await (const chunk of repository.blob(blob)) {
      had += chunk.length;
      if (had > 1 << 19) break;
    }
  }
  expect((await collected(repository.blob(blob))).equals(bytes)).toBe(true);
  expect(asked(registry).filter((range) => range !== undefined).length).toBeGreaterThan(10);
});
