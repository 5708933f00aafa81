import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf, hexOf } from "../../src/oci/digest.ts";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { openCacheServer } from "../support/cache-server.ts";
import { eventually } from "../support/eventually.ts";
import { fillRepository } from "../support/fill-registry.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, openScriptedRegistry, type Registry } from "../support/registry.ts";
import { sendBlob } from "../support/served-image.ts";
import { openSlowRegistry } from "../support/slow-registry.ts";

// Nobody else gets the port of a registry that is gone.
enterPrivateNetwork();

/** What a berth of a test is told: the cache is the mirror of a registry. */
function mirrored(berth: Berth, registry: string, cache: string): Readonly<Record<string, string>> {
  const path = join(berth.directory, "mirrored.json");
  const registries = { "docker.io": { blocked: true }, [registry]: { mirrors: [cache] } };
  writeFileSync(path, JSON.stringify({ registries }));
  return { BERTH_CONFIG_FILE: path };
}

const blobsOf = (requests: readonly string[]): readonly string[] =>
  requests.filter((line) => /^GET \S+\/blobs\//.test(line));

async function skopeo(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram("skopeo", args);
  if (code !== 0) throw new Error(`skopeo ${args.join(" ")}: ${stderr}`);
}

describe("with busybox in a registry", () => {
  let stack: AsyncDisposableStack;
  let registry: Registry;
  let id: string;

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    registry = stack.use(await openRegistry());
    const berth = stack.use(await openBerthWithBusybox());
    id = await berth.out(["image", "inspect", "--format", "{{.Id}}", "busybox"]);
    await berth.out(["save", "--format", "oci", "--compression", "gzip", "-o", "busybox.tar", "busybox"]);
    const archive = `oci-archive:${join(berth.directory, "busybox.tar")}`;
    await skopeo("copy", "--dest-tls-verify=false", archive, `docker://${registry.host}/library/busybox:latest`);
  });

  afterAll(() => stack[Symbol.asyncDispose]());

  test("skopeo and berth pull through it, and the registry is asked for each blob once", async () => {
    await using berth = openBerth();
    await using client = openBerth();
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    const before = registry.requests().length;
    for (const name of ["one", "two"]) {
      const to = `dir:${join(berth.directory, name)}`;
      await skopeo("copy", "--src-tls-verify=false", `docker://${cache.host}/library/busybox:latest`, to);
    }
    const env = mirrored(client, registry.host, cache.url);
    await client.out(["pull", "-q", `${registry.host}/library/busybox`], { env });
    expect(await client.out(["image", "inspect", "--format", "{{.Id}}", `${registry.host}/library/busybox`])).toBe(id);
    expect(await client.out(["run", "--rm", `${registry.host}/library/busybox`, "echo", "hi"])).toBe("hi");
    const asked = await eventually(async () => {
      const blobs = blobsOf(registry.requests().slice(before));
      return blobs.length === 2 ? blobs : undefined;
    });
    expect(new Set(asked).size).toBe(2);
    const hits = blobsOf(cache.requests()).filter((line) => line.endsWith(" hit"));
    expect(hits.map((line) => line.includes(`?ns=${registry.host} `))).toEqual([false, false, true, true]);
  });

  test("what was pulled is served without being fetched, and what passed through is pulled without being fetched", async () => {
    await using berth = openBerth();
    const name = `${registry.host}/library/busybox`;
    const all = registry.requests().length;
    await berth.out(["pull", "-q", name]);
    const before = await blobsAsked(all, 2);
    {
      await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
      const to = `dir:${join(berth.directory, "copy")}`;
      await skopeo("copy", "--src-tls-verify=false", `docker://${cache.host}/library/busybox:latest`, to);
    }
    expect(blobsOf(registry.requests().slice(before))).toEqual([]);
    await berth.out(["rmi", name]);
    // The cache kept its manifest, though the blobs were the image's.
    {
      await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
      const to = `dir:${join(berth.directory, "again")}`;
      await skopeo("copy", "--src-tls-verify=false", `docker://${cache.host}/library/busybox:latest`, to);
    }
    const passed = await blobsAsked(before, 2);
    await berth.out(["pull", "-q", name]);
    expect(blobsOf(registry.requests().slice(passed))).toEqual([]);
    expect(await berth.out(["run", "--rm", name, "echo", "hi"])).toBe("hi");
    expect((await berth.run(["system", "check"])).code).toBe(0);
  });

  test("what is kept is listed, accounted for, checked, mended and pruned", async () => {
    await using berth = openBerth();
    const layer = await cachedBusybox(berth);
    expect(await berth.out(["cache", "ls", "--format", "{{.Repository}} {{.Tags}}"])).toBe(
      `${registry.host}/library/busybox latest`,
    );
    const { Digest: digest } = JSON.parse(await berth.out(["cache", "ls", "--format", "json"]));
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await berth.out(["cache", "ls"])).toMatch(new RegExp(` ${digest.slice(0, 19)} `));
    expect(await berth.out(["system", "df", "--all"])).toMatch(/^registry cache +2 +\d+$/m);
    expect((await berth.run(["system", "check"])).code).toBe(0);
    // No prune of images takes it.
    await berth.out(["image", "prune", "-af"]);
    await berth.out(["system", "prune", "-f"]);
    const path = join(berth.directory, "root/blobs/sha256", hexOf(layer));
    const bytes = readFileSync(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const checked = await berth.run(["system", "check"]);
    expect(checked).toMatchObject({ code: 1, stdout: expect.stringContaining(`K1`) });
    expect(await berth.run(["system", "check", "--repair"])).toMatchObject({ code: 0 });
    expect(await berth.out(["system", "df", "--all"])).toMatch(/^registry cache +1 +\d+$/m);
    expect(await berth.out(["cache", "prune", "-f"])).toMatch(/^Total reclaimed space: \d/);
    expect(await berth.out(["cache", "ls", "--format", "{{.Digest}}"])).toBe("");
    expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(registry cache|temporary|nobody)/m);
  });

  test("system prune -a leaves nothing of it", async () => {
    await using berth = openBerth();
    await cachedBusybox(berth);
    await berth.out(["system", "prune", "-af", "--volumes"]);
    expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(registry cache|temporary|download|nobody)/m);
  });

  /** Wait until the registry's log says that so many blobs were asked for since a moment. @returns the moment of now */
  async function blobsAsked(since: number, count: number): Promise<number> {
    return await eventually(async () => {
      const requests = registry.requests();
      return blobsOf(requests.slice(since)).length === count ? requests.length : undefined;
    });
  }

  /** Have the cache of a store keep busybox. @returns the digest of its layer */
  async function cachedBusybox(berth: Berth): Promise<ReturnType<typeof digestOf>> {
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    const to = `dir:${join(berth.directory, "copy")}`;
    await skopeo("copy", "--src-tls-verify=false", `docker://${cache.host}/library/busybox:latest`, to);
    const manifest = JSON.parse(readFileSync(join(berth.directory, "copy/manifest.json"), "utf8"));
    return manifest.layers[0].digest;
  }
});

test("what was asked for once is served when the registry is gone, tags with a warning", async () => {
  await using berth = openBerth();
  const layer = randomBytes(100_000);
  const digest = digestOf(layer);
  let url = "";
  {
    await using registry = await openRegistry();
    await using app = fillRepository(registry.host, "app");
    const image = await app.image([layer], { tag: "v1" });
    await app.image([], { tag: "v2" });
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    url = `/v2/${registry.host}/app`;
    for (const path of ["manifests/v1", `manifests/${image.digest}`, `blobs/${digest}`, "tags/list"]) {
      expect((await fetch(`${cache.url}${url}/${path}`)).status).toBe(200);
    }
  }
  await using cache = await openCacheServer(berth, ["--tag-ttl", "0s"]);
  const manifest = await fetch(`${cache.url}${url}/manifests/v1`);
  expect(manifest.status).toBe(200);
  expect(manifest.headers.get("warning")).toBe('110 - "Response is Stale"');
  const byDigest = await fetch(`${cache.url}${url}/manifests/${manifest.headers.get("docker-content-digest")}`);
  expect([byDigest.status, byDigest.headers.get("warning")]).toEqual([200, null]);
  const blob = await fetch(`${cache.url}${url}/blobs/${digest}`);
  expect(Buffer.from(await blob.arrayBuffer()).equals(layer)).toBe(true);
  expect(await (await fetch(`${cache.url}${url}/tags/list`)).json()).toMatchObject({ tags: ["v1"] });
  const absent = await fetch(`${cache.url}${url}/manifests/v2`);
  expect(absent.status).toBe(503);
  expect(await absent.json()).toMatchObject({ errors: [{ code: "UNAVAILABLE" }] });
});

test("a registry that doesn't answer any more isn't waited for where the store has what a tag led to", async () => {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [] }));
  let answers = true;
  const never = Promise.withResolvers<void>();
  await using registry = await openScriptedRegistry(async ({ url = "" }, response) => {
    if (!answers) await never.promise;
    response.writeHead(200, { "content-type": url.includes("/manifests/") ? indexType : "application/json" });
    response.end(url.includes("/manifests/") ? bytes : "{}");
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host, "--tag-ttl", "0s"]);
  const warning = async (): Promise<string | null> => {
    const response = await fetch(`${cache.url}/v2/app/manifests/latest`);
    expect(response.headers.get("docker-content-digest")).toBe(digestOf(bytes));
    return response.headers.get("warning");
  };
  expect(await warning()).toBe(null);
  answers = false;
  const asked = registry.requests.length;
  for (let n = 0; n < 2; n++) expect(await warning()).toBe('110 - "Response is Stale"');
  // It is left alone for a while after that.
  expect(registry.requests).toHaveLength(asked + 1);
  never.resolve();
});

const indexType = "application/vnd.oci.image.index.v1+json";

test("a tag is asked for again when it is older than --tag-ttl, and forgotten with its registry's", async () => {
  await using registry = await openRegistry({ delete: true });
  await using app = fillRepository(registry.host, "app");
  const old = await app.image([], { tag: "v1" });
  await using berth = openBerth();
  await using hourly = await openCacheServer(berth, ["--upstream", registry.host, "--tag-ttl", "1h"]);
  const digestBy = async (url: string): Promise<string | null> =>
    (await fetch(`${url}/v2/app/manifests/v1`)).headers.get("docker-content-digest");
  expect(await digestBy(hourly.url)).toBe(old.digest);
  const young = await app.image([Buffer.from("another")], { tag: "v1" });
  expect(await digestBy(hourly.url)).toBe(old.digest);
  await using always = await openCacheServer(berth, ["--upstream", registry.host, "--tag-ttl", "0s"]);
  expect(await digestBy(always.url)).toBe(young.digest);
  const before = registry.requests().length;
  expect(await digestBy(always.url)).toBe(young.digest);
  const asked = await eventually(async () =>
    registry
      .requests()
      .slice(before)
      .find((line) => line.includes("manifests")),
  );
  expect(asked).toBe("HEAD /v2/app/manifests/v1 200");
  await app.repository.deleteManifest(young.digest);
  expect((await fetch(`${always.url}/v2/app/manifests/v1`)).status).toBe(404);
  expect((await fetch(`${always.url}/v2/app/manifests/${young.digest}`)).status).toBe(200);
});

test("clients that ask for the same blob at once read it while it arrives, and it is fetched once", async () => {
  const blob = randomBytes(400_000);
  const path = `/v2/app/blobs/${digestOf(blob)}`;
  const rest = Promise.withResolvers<void>();
  await using registry = await openSlowRegistry(blob, async (_range, write) => {
    write(0, 200_000);
    await rest.promise;
    write(200_000, blob.length);
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const readers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const response = await fetch(`${cache.url}${path}`);
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      return { reader, first: (await reader.read()).value ?? new Uint8Array() };
    }),
  );
  rest.resolve();
  for (const { reader, first } of readers) {
    const pieces = [first];
    for (let next = await reader.read(); !next.done; next = await reader.read()) pieces.push(next.value);
    expect(Buffer.concat(pieces).equals(blob)).toBe(true);
  }
  expect(registry.requests.filter(({ method, path: each }) => method === "GET" && each === path)).toHaveLength(1);
});

test("of a registry as many blobs arrive at once as --max-downloads says, small ones beside them", async () => {
  const [one, two, small] = [2 << 20, 2 << 20, 1000].map((size) => randomBytes(size)) as [Buffer, Buffer, Buffer];
  const blobs = new Map([one, two, small].map((bytes) => [digestOf(bytes) as string, bytes]));
  const rest = Promise.withResolvers<void>();
  await using registry = await openScriptedRegistry(async ({ method, url = "" }, response) => {
    const bytes = blobs.get(url.split("/").at(-1) ?? "");
    if (bytes === undefined) return void response.end();
    response.writeHead(200, { "content-length": bytes.length });
    if (method === "HEAD") return void response.end();
    response.write(bytes.subarray(0, 500));
    if (bytes === one) await rest.promise;
    response.end(bytes.subarray(500));
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host, "--max-downloads", "1"]);
  const path = (bytes: Buffer): string => `/v2/app/blobs/${digestOf(bytes)}`;
  const get = async (bytes: Buffer): Promise<boolean> =>
    Buffer.from(await (await fetch(`${cache.url}${path(bytes)}`)).arrayBuffer()).equals(bytes);
  const asked = (bytes: Buffer): readonly string[] =>
    registry.requests.filter((request) => request.path === path(bytes)).map(({ method }) => method);
  const first = get(one);
  await eventually(async () => asked(one).includes("GET") || undefined);
  const second = get(two);
  await eventually(async () => asked(two).includes("HEAD") || undefined);
  expect(await get(small)).toBe(true);
  expect(asked(two)).toEqual(["HEAD"]);
  rest.resolve();
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(asked(two)).toEqual(["HEAD", "GET"]);
});

test("a small part far ahead of what has arrived doesn't wait for it, and the whole is kept though nobody else reads it", async () => {
  const blob = randomBytes(6_000_000);
  const digest = digestOf(blob);
  const asked: string[] = [];
  const rest = Promise.withResolvers<void>();
  await using registry = await openScriptedRegistry(async (request, response) => {
    const { method, headers, url = "" } = request;
    if (!url.includes("/blobs/")) return void response.writeHead(200).end("{}");
    if (method === "HEAD") return void response.writeHead(200, { "content-length": blob.length }).end();
    asked.push(headers.range ?? "whole");
    if (headers.range !== undefined) return sendBlob({ digest, bytes: blob }, request, response);
    response.writeHead(200, { "content-length": blob.length }).write(blob.subarray(0, 500_000));
    await rest.promise;
    response.end(blob.subarray(500_000));
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const part = async (range: string): Promise<Buffer> => {
    const answer = await fetch(`${cache.url}/v2/app/blobs/${digest}`, { headers: { Range: `bytes=${range}` } });
    expect(answer.status).toBe(206);
    return Buffer.from(await answer.arrayBuffer());
  };
  expect(await part("-51")).toEqual(blob.subarray(-51));
  expect(await part("3000000-3999999")).toEqual(blob.subarray(3_000_000, 4_000_000));
  const near = part("600000-600009");
  const large = part("1700000-");
  rest.resolve();
  expect(await near).toEqual(blob.subarray(600_000, 600_010));
  expect(await large).toEqual(blob.subarray(1_700_000));
  await eventually(async () => {
    await part("0-0");
    return cache.requests().at(-1)?.endsWith("206 hit") || undefined;
  });
  expect(asked.filter((range) => range !== "whole")).toEqual(["bytes=5999949-", "bytes=3000000-3999999"]);
  expect(asked.filter((range) => range === "whole")).toHaveLength(1);
});

test("a small part of what is too large to be kept doesn't have all of it fetched", async () => {
  const blob = randomBytes(3_000_000);
  const [begun, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using registry = await openScriptedRegistry(async (request, response) => {
    if (request.url?.includes("/blobs/") !== true) return void response.writeHead(200).end("{}");
    if (request.headers.range !== undefined) {
      await begun.promise;
      return sendBlob({ digest: "", bytes: blob }, request, response);
    }
    response.writeHead(200, { "content-length": blob.length });
    if (request.method === "HEAD") return void response.end();
    begun.resolve();
    response.once("close", ended.resolve).write(blob.subarray(0, 100_000));
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host, "--max-size", "2m"]);
  const url = `${cache.url}/v2/app/blobs/${digestOf(blob)}`;
  const answer = await fetch(url, { headers: { Range: "bytes=2000000-2000009" } });
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(blob.subarray(2_000_000, 2_000_010));
  await ended.promise;
});

test("a registry that gives no parts has a small part wait for what arrives", async () => {
  const blob = randomBytes(3_000_000);
  const rest = Promise.withResolvers<void>();
  let tries = 0;
  await using registry = await openScriptedRegistry(async ({ method, url = "", headers }, response) => {
    if (!url.includes("/blobs/")) return void response.writeHead(200).end("{}");
    response.writeHead(200, { "content-length": blob.length });
    if (method === "HEAD") return void response.end();
    if (headers.range !== undefined && ++tries > 0) rest.resolve();
    response.write(blob.subarray(0, 100_000));
    await rest.promise;
    response.end(blob.subarray(100_000));
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const url = `${cache.url}/v2/app/blobs/${digestOf(blob)}`;
  const answer = await fetch(url, { headers: { Range: "bytes=-51" } });
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(blob.subarray(-51));
  expect(tries).toBe(1);
});

test("a cache that is killed in the middle of a blob goes on at that byte", async () => {
  const blob = randomBytes(400_000);
  const digest = digestOf(blob);
  const ranges: (string | undefined)[] = [];
  const never = Promise.withResolvers<void>();
  await using registry = await openSlowRegistry(blob, async (range, write) => {
    ranges.push(range);
    if (range !== undefined) return write(Number(/\d+/.exec(range)?.[0]), blob.length);
    write(0, 200_000);
    await never.promise;
  });
  await using berth = openBerth();
  {
    await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
    const { body } = await fetch(`${cache.url}/v2/app/blobs/${digest}`);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    for (let read = 0; read < 200_000; ) read += (await reader.read()).value?.length ?? 0;
    await cache.end("SIGKILL");
    await expect(reader.read()).rejects.toThrow();
  }
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const again = await fetch(`${cache.url}/v2/app/blobs/${digest}`);
  expect(Buffer.from(await again.arrayBuffer()).equals(blob)).toBe(true);
  expect(ranges).toEqual([undefined, "bytes=200000-"]);
  never.resolve();
});

test("what the registry refuses is told, and nothing of who asked it", async () => {
  const answers = [
    [404, "BLOB_UNKNOWN"],
    [401, "DENIED"],
    [403, "DENIED"],
    [429, "TOOMANYREQUESTS"],
    [500, "UNAVAILABLE"],
  ] as const;
  await using registry = await openScriptedRegistry(({ method, url = "" }, response) => {
    const status = Number(/\/status-(\d+)\//.exec(url)?.[1] ?? 200);
    // A blob that is said to be there when it is asked for its size alone.
    if (method === "HEAD") response.writeHead(200, { "content-length": 10 }).end();
    else response.writeHead(status, { "retry-after": "3600" }).end(status === 200 ? "{}" : "");
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  for (const [status, code] of answers) {
    const response = await fetch(`${cache.url}/v2/status-${status}/app/blobs/${digestOf("x")}`);
    expect(await response.json()).toMatchObject({ errors: [{ code }] });
    expect(response.headers.get("www-authenticate")).toBe(null);
    expect(response.headers.get("docker-content-digest")).toBe(null);
  }
  expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(registry cache|temporary|nobody)/m);
});

test("a blob whose file was cut is fetched anew", async () => {
  await using registry = await openRegistry();
  await using app = fillRepository(registry.host, "app");
  const blob = randomBytes(10_000);
  const digest = await app.blob(blob);
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const fetched = async (): Promise<Buffer> =>
    Buffer.from(await (await fetch(`${cache.url}/v2/app/blobs/${digest}`)).arrayBuffer());
  expect(await fetched()).toEqual(blob);
  const file = join(berth.directory, "root/blobs/sha256", hexOf(digest));
  await eventually(async () => existsSync(file) || undefined);
  truncateSync(file, 1000);
  expect(await fetched()).toEqual(blob);
  await cache.end("SIGTERM");
  expect(await berth.out(["system", "check"])).toMatch(/Everything is as it should be\.$/);
});

test("a blob of nothing is served", async () => {
  await using registry = await openRegistry();
  await using app = fillRepository(registry.host, "app");
  const digest = await app.blob(Buffer.alloc(0));
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  for (let n = 0; n < 2; n++) {
    const response = await fetch(`${cache.url}/v2/app/blobs/${digest}`);
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0]);
  }
});

test("a blob that isn't what its digest says never ends well, and isn't kept", async () => {
  const blob = randomBytes(100_000);
  const rest = Promise.withResolvers<void>();
  await using registry = await openSlowRegistry(blob, async (_range, write) => {
    write(0, 50_000);
    await rest.promise;
    write(50_000, blob.length);
  });
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host]);
  const { body } = await fetch(`${cache.url}/v2/app/blobs/${digestOf("another")}`);
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  // Known before its beginning was sent, it would be refused.
  rest.resolve();
  const readOn = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  await expect(readOn()).rejects.toThrow();
  await cache.end("SIGTERM");
  expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(registry cache|temporary|download|nobody)/m);
});

test("what was asked for least recently goes when --max-size is reached", async () => {
  await using registry = await openRegistry();
  await using app = fillRepository(registry.host, "app");
  const [first, second, third, large] = [100_000, 100_001, 100_002, 400_000].map((size) => randomBytes(size)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  for (const blob of [first, second, third, large]) await app.blob(blob);
  await using berth = openBerth();
  await using cache = await openCacheServer(berth, ["--upstream", registry.host, "--max-size", "250000"]);
  const get = async (blob: Buffer): Promise<void> => {
    const response = await fetch(`${cache.url}/v2/app/blobs/${digestOf(blob)}`);
    expect(Buffer.from(await response.arrayBuffer()).equals(blob)).toBe(true);
  };
  const kept = async (): Promise<number> =>
    Number(/^registry cache +\d+ +(\d+)$/m.exec(await berth.out(["system", "df", "--all"]))?.[1] ?? 0);
  // A blob is recorded a moment after it was sent.
  const untilKept = async (...blobs: readonly Buffer[]): Promise<void> => {
    const bytes = blobs.reduce((sum, { length }) => sum + length, 0);
    await eventually(async () => ((await kept()) === bytes ? true : undefined));
  };
  for (const blob of [first, second]) await get(blob);
  await untilKept(first, second);
  for (const blob of [first, third]) await get(blob);
  await untilKept(first, third);
  // Too large for all that may be kept: it passes through, and the others stay.
  await get(large);
  expect(await kept()).toBe(first.length + third.length);
  expect(await berth.out(["cache", "prune", "-f", "--max-size", "150000"])).toBe("Total reclaimed space: 100kB");
  expect(await kept()).toBe(third.length);
});
