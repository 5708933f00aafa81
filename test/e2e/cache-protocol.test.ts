import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBerth } from "../support/berth.ts";
import { type CacheServer, openCacheServer } from "../support/cache-server.ts";
import { fillRepository, type Pushed } from "../support/fill-registry.ts";
import { openRegistry } from "../support/registry.ts";

// The points of the distribution spec's conformance list, as docs/conformance.md has them, through the cache, in front of CNCF's registry.

const layer = randomBytes(300_000);
const absent = `sha256:${"0".repeat(64)}`;
const tags = ["latest", "v1", "v2", "v3"];

let stack: AsyncDisposableStack;
let cache: CacheServer;
let upstream: string;
let image: Pushed;
let index: Pushed;
let layerDigest: string;
let referrer: Pushed;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  const registry = stack.use(await openRegistry());
  upstream = registry.host;
  const app = stack.use(fillRepository(registry.host, "team/app"));
  for (const tag of tags) image = await app.image([layer], { tag });
  index = await app.index([image], "all");
  layerDigest = await app.blob(layer);
  const subject = { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length };
  referrer = await app.image([], {
    more: { artifactType: "application/x.signature", subject, annotations: { a: "b" } },
  });
  await app.image([], { more: { artifactType: "application/x.other", subject } });
  cache = stack.use(await openCacheServer(stack.use(openBerth()), ["--upstream", registry.host]));
});

afterAll(() => stack[Symbol.asyncDispose]());

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Of an error. */
  readonly code: string | undefined;
}

async function ask(
  path: string,
  { method = "GET", headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Reply> {
  const response = await fetch(`${cache.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isError = response.status >= 400 && bytes.length > 0;
  const code = isError ? (JSON.parse(bytes.toString()) as { errors: { code: string }[] }).errors[0]?.code : undefined;
  return { status: response.status, headers: response.headers, body: bytes, code };
}

test("the API's base says that it is there", async () => {
  const { status, headers } = await ask("/v2/");
  expect(status).toBe(200);
  expect(headers.get("docker-distribution-api-version")).toBe("registry/2.0");
});

describe.each(["HEAD", "GET"])("pull by %s", (method) => {
  test("a blob that isn't there", async () => {
    expect(await ask(`/v2/team/app/blobs/${absent}`, { method })).toMatchObject({ status: 404 });
  });

  test("a blob", async () => {
    const { status, headers, body } = await ask(`/v2/team/app/blobs/${layerDigest}`, { method });
    expect(status).toBe(200);
    expect(headers.get("docker-content-digest")).toBe(layerDigest);
    expect(headers.get("content-length")).toBe(String(layer.length));
    expect(headers.get("content-type")).toBe("application/octet-stream");
    if (method === "GET") expect(body.equals(layer)).toBe(true);
    else expect(body).toHaveLength(0);
  });

  test("a manifest that isn't there", async () => {
    for (const reference of ["absent", absent]) {
      expect(await ask(`/v2/team/app/manifests/${reference}`, { method })).toMatchObject({ status: 404 });
    }
  });

  test("manifests and indexes, by tag and by digest", async () => {
    for (const [reference, expected] of [
      ["latest", image],
      [image.digest, image],
      ["all", index],
      [index.digest, index],
    ] as const) {
      const { status, headers, body } = await ask(`/v2/team/app/manifests/${reference}`, { method });
      expect(status).toBe(200);
      expect(headers.get("docker-content-digest")).toBe(expected.digest);
      expect(headers.get("content-type")).toBe(expected.mediaType);
      expect(headers.get("content-length")).toBe(String(expected.bytes.length));
      if (method === "GET") expect(body.equals(expected.bytes)).toBe(true);
      else expect(body).toHaveLength(0);
    }
  });
});

test("errors are JSON with a code of the spec", async () => {
  expect(await ask(`/v2/team/app/blobs/${absent}`)).toMatchObject({ status: 404, code: "BLOB_UNKNOWN" });
  expect(await ask("/v2/team/app/manifests/absent")).toMatchObject({ status: 404, code: "MANIFEST_UNKNOWN" });
  expect(await ask("/v2/team/app/manifests/sha256:totallywrong")).toMatchObject({
    status: 400,
    code: "DIGEST_INVALID",
  });
  expect(await ask("/v2/Team/app/manifests/latest")).toMatchObject({ status: 400, code: "NAME_INVALID" });
  expect(await ask("/v2/team/absent/tags/list")).toMatchObject({ status: 404, code: "NAME_UNKNOWN" });
  expect((await ask("/v2/team/absent/tags/list")).headers.get("content-type")).toBe("application/json");
});

test("what the client has isn't sent again", async () => {
  const etag = `"${image.digest}"`;
  const { status, headers } = await ask("/v2/team/app/manifests/latest", { headers: { "If-None-Match": etag } });
  expect(status).toBe(304);
  expect(headers.get("etag")).toBe(etag);
});

test.each([
  ["bytes=0-", 0, layer.length],
  ["bytes=100-199", 100, 200],
  ["bytes=299999-", layer.length - 1, layer.length],
  ["bytes=-10", layer.length - 10, layer.length],
])("the range %s of a blob", async (range, first, end) => {
  const { status, headers, body } = await ask(`/v2/team/app/blobs/${layerDigest}`, { headers: { Range: range } });
  expect(status).toBe(206);
  expect(headers.get("content-range")).toBe(`bytes ${first}-${end - 1}/${layer.length}`);
  expect(body.equals(layer.subarray(first, end))).toBe(true);
});

test.each(["HEAD", "GET"])("a blob that the client has isn't sent again, by %s", async (method) => {
  const condition = (digest: string) => ({ method, headers: { "If-None-Match": `"${digest}"`, Range: "bytes=1-2" } });
  const { status, headers, body } = await ask(`/v2/team/app/blobs/${layerDigest}`, condition(layerDigest));
  expect([status, headers.get("etag"), body.length]).toEqual([304, `"${layerDigest}"`, 0]);
  expect(await ask(`/v2/team/app/blobs/${absent}`, condition(absent))).toMatchObject({ status: 404 });
});

test("a range behind the end of a blob can't be had", async () => {
  const { status, headers } = await ask(`/v2/team/app/blobs/${layerDigest}`, { headers: { Range: "bytes=300000-" } });
  expect(status).toBe(416);
  expect(headers.get("content-range")).toBe(`bytes */${layer.length}`);
});

test("a range of another version is the whole", async () => {
  const headers = { Range: "bytes=100-", "If-Range": '"another"' };
  expect(await ask(`/v2/team/app/blobs/${layerDigest}`, { headers })).toMatchObject({ status: 200 });
});

test("tags are listed, whole and in pages", async () => {
  const list = async (query: string): Promise<{ tags: string[]; next: string | null }> => {
    const { status, headers, body } = await ask(`/v2/team/app/tags/list${query}`);
    expect(status).toBe(200);
    expect(JSON.parse(body.toString()).name).toBe("team/app");
    const link = headers.get("link");
    return { tags: JSON.parse(body.toString()).tags, next: link && (/^<(.*)>; rel="next"$/.exec(link)?.[1] ?? "") };
  };
  // The registry behind lists the stand-in for the referrers API, too.
  const all = ["all", ...tags, image.digest.replace(":", "-")].toSorted();
  expect(await list("")).toEqual({ tags: all, next: null });
  expect(await list("?n=100")).toEqual({ tags: all, next: null });
  const first = await list("?n=4");
  expect(first.tags).toEqual(all.slice(0, 4));
  const second = await list(new URL(first.next ?? "", cache.url).search);
  expect(second).toEqual({ tags: all.slice(4), next: null });
  expect((await list("?last=latest")).tags).toEqual(all.slice(2));
  expect((await list("?n=0")).tags).toEqual([]);
});

test("referrers are listed", async () => {
  const list = async (digest: string, query = ""): Promise<{ manifests: object[]; headers: Headers }> => {
    const { status, headers, body } = await ask(`/v2/team/app/referrers/${digest}${query}`);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("application/vnd.oci.image.index.v1+json");
    return { manifests: JSON.parse(body.toString()).manifests, headers };
  };
  expect((await list(absent)).manifests).toEqual([]);
  expect((await list(image.digest)).manifests).toHaveLength(2);
  const { manifests, headers } = await list(image.digest, "?artifactType=application/x.signature");
  expect(manifests).toEqual([
    expect.objectContaining({
      digest: referrer.digest,
      artifactType: "application/x.signature",
      annotations: { a: "b" },
    }),
  ]);
  expect(headers.get("oci-filters-applied")).toBe("artifactType");
});

test("whose registry a query means is said again", async () => {
  const named = await ask(`/v2/team/app/manifests/latest?ns=${upstream}`, { method: "HEAD" });
  expect([named.status, named.headers.get("oci-namespace")]).toEqual([200, upstream]);
  expect((await ask("/v2/team/app/manifests/latest")).headers.has("oci-namespace")).toBe(false);
  expect(await ask("/v2/team/app/manifests/latest?ns=no%20host")).toMatchObject({ status: 400, code: "NAME_INVALID" });
});

test.each([
  ["POST that begins an upload", "POST", "/blobs/uploads/"],
  ["POST with a blob", "POST", `/blobs/uploads/?digest=${absent}`],
  ["POST that mounts a blob", "POST", `/blobs/uploads/?mount=${absent}&from=team/other`],
  ["PATCH of an upload", "PATCH", "/blobs/uploads/x"],
  ["PUT that ends an upload", "PUT", `/blobs/uploads/x?digest=${absent}`],
  ["DELETE of an upload", "DELETE", "/blobs/uploads/x"],
  ["PUT of a manifest by tag", "PUT", "/manifests/latest"],
  ["PUT of a manifest by digest", "PUT", `/manifests/${absent}`],
  ["DELETE of a tag", "DELETE", "/manifests/latest"],
  ["DELETE of a manifest", "DELETE", `/manifests/${absent}`],
  ["DELETE of a blob", "DELETE", `/blobs/${absent}`],
])("%s is refused: the cache is read-only", async (_, method, path) => {
  const reply = await ask(`/v2/team/app${path}`, {
    method,
    ...(method === "DELETE" ? {} : { body: "x".repeat(100_000) }),
  });
  expect(reply).toMatchObject({ status: 405, code: "UNSUPPORTED" });
  expect(reply.headers.get("allow")).toBe("GET, HEAD");
});
