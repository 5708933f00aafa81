import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { digestOf } from "../../src/oci/digest.ts";
import { openBerth } from "../support/berth.ts";
import { openCacheServer } from "../support/cache-server.ts";
import { makeCertificates } from "../support/certificates.ts";
import { fillRepository } from "../support/fill-registry.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry } from "../support/registry.ts";
import { openSlowRegistry } from "../support/slow-registry.ts";

test("it ends at once by SIGTERM and SIGINT, also while it sends", async () => {
  const blob = randomBytes(100_000);
  const never = Promise.withResolvers<void>();
  await using registry = await openSlowRegistry(blob, async (_range, write) => {
    write(0, 50_000);
    await never.promise;
  });
  await using berth = openBerth();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    const { body } = await fetch(`${cache.url}/v2/app/blobs/${digestOf(blob)}`);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    expect(await cache.end(signal)).toBe(0);
    await expect(reader.read()).rejects.toThrow();
  }
  never.resolve();
});

test("it asks with its user's credentials, and its clients need none and see none", async () => {
  const [user, password] = ["ahab", "white whale"];
  await using registry = await openRegistry({ htpasswd: { [user]: password } });
  await using app = fillRepository(registry.host, "app", { username: user, password });
  const image = await app.image([Buffer.from("layer")], { tag: "v1" });
  await using berth = openBerth();
  {
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    const refused = await fetch(`${cache.url}/v2/app/manifests/v1`);
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([403, null]);
  }
  await berth.out(["login", "-u", user, "--password-stdin", registry.host], { input: password });
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const secret = `/v2/app/manifests/v1?token=hunter2`;
  const served = await fetch(`${cache.url}${secret}`, { headers: { Authorization: "Basic aHVudGVyMg==" } });
  expect(served.headers.get("docker-content-digest")).toBe(image.digest);
  await cache.end("SIGTERM");
  expect(cache.requests()).toContain("GET /v2/app/manifests/v1 200 miss");
  for (const each of ["hunter2", "aHVudGVyMg", password]) expect(cache.log()).not.toContain(each);
});

test("it refuses to serve other machines without TLS", async () => {
  await using berth = openBerth();
  const refused = await berth.run(["cache", "serve", "--listen", "0.0.0.0:0"]);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("without TLS") });
  await using _cache = await openCacheServer(berth, ["--listen", "0.0.0.0:0", "--insecure"]);
});

test("it serves TLS, and beyond loopback only the registries that it is told", async () => {
  await using registry = await openRegistry();
  await using berth = openBerth();
  const { server, ca } = makeCertificates(berth.directory);
  const tls = ["--listen", "0.0.0.0:0", "--tls-cert", server.certificate, "--tls-key", server.key];
  await using cache = await openCacheServer(berth, [...tls, "--upstream", registry.host]);
  const port = new URL(cache.url).port;
  const curl = async (path: string): Promise<string> => {
    const args = ["-s", "--cacert", ca.certificate, `https://127.0.0.1:${port}${path}`];
    return (await runProgram("curl", args)).stdout;
  };
  expect(await curl("/v2/")).toBe("{}");
  expect(await curl("/v2/app/manifests/latest")).toContain("MANIFEST_UNKNOWN");
  expect(await curl("/v2/127.0.0.1:1/app/manifests/latest")).toContain("DENIED");
  expect(await curl("/v2/app/manifests/latest?ns=quay.io")).toContain("DENIED");
});

test("it refuses to allow what is no registry, and to listen where another does", async () => {
  await using berth = openBerth();
  const none = await berth.run(["cache", "serve", "--listen", "127.0.0.1:0", "--allow", ""]);
  expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining(`can't allow "": not a registry's host`) });
  await using cache = await openCacheServer(berth);
  const address = new URL(cache.url).host;
  const taken = await berth.run(["cache", "serve", "--listen", address]);
  expect(taken).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(`: listen tcp ${address}: bind: address already in use\nhint: .*--listen`),
  });
});

test("a cache that is asked to ask itself refuses", async () => {
  await using berth = openBerth();
  await using cache = await openCacheServer(berth);
  for (const host of [cache.host, cache.host.replace("127.0.0.1", "localhost")]) {
    expect((await fetch(`${cache.url}/v2/${host}/app/manifests/latest`)).status).toBe(403);
  }
});

test.each([
  ["a large header", `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
  ["a body", "GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", /^HTTP\/1.1 400 .*UNSUPPORTED/s],
  [
    "an upload that waits for leave",
    "PUT /v2/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    /^HTTP\/1.1 405 /,
  ],
  ["no HTTP at all", "\x16\x03\x01\r\n\r\n", /^HTTP\/1.1 400 /],
])("%s is refused, and the connection closed", async (_what, text, expected) => {
  await using berth = openBerth();
  await using cache = await openCacheServer(berth);
  const socket = connect(Number(new URL(cache.url).port), "127.0.0.1");
  socket.write(text);
  expect(Buffer.concat(await socket.toArray()).toString()).toMatch(expected);
});

test("a client that never finishes its request is cut off", async () => {
  await using berth = openBerth();
  await using cache = await openCacheServer(berth);
  const socket = connect(Number(new URL(cache.url).port), "127.0.0.1");
  socket.write("GET /v2/ HTTP/1.1\r\n");
  expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/^HTTP\/1.1 408 /);
});
