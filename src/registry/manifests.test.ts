import { expect, onTestFinished, test } from "vitest";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { limits } from "../base/limits.ts";
import { digestOf } from "../oci/digest.ts";
import { manifestOf, manifestType, repositoryOfTest } from "./testing.ts";

const image = manifestOf(Buffer.from("{}"), []);
const indexType = "application/vnd.oci.image.index.v1+json";
const dockerType = "application/vnd.docker.distribution.manifest.v2+json";
const listType = "application/vnd.docker.distribution.manifest.list.v2+json";
const untyped = manifestOf(Buffer.from("{}"), [], { mediaType: undefined });
const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
const artifact = Buffer.from(JSON.stringify({ mediaType: "application/vnd.oci.artifact.manifest.v1+json", blobs: [] }));

/** A registry that has one manifest, and gives it with these headers. */
async function serving(
  bytes: Buffer | string,
  headers: Readonly<Record<string, string>> = {},
): Promise<ScriptedRegistry> {
  const registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    response.writeHead(200, { "content-length": Buffer.byteLength(bytes), ...headers });
    response.end(request.method === "HEAD" ? undefined : bytes);
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

test.each([
  [manifestType, image, manifestType],
  [`${manifestType}; charset=utf-8`, image, manifestType],
  ["application/json", image, manifestType],
  [dockerType, untyped, dockerType],
  ["application/json", untyped, manifestType],
  ["text/plain", index, indexType],
  [listType, index, listType],
  ["application/vnd.oci.artifact.manifest.v1+json", artifact, "application/vnd.oci.artifact.manifest.v1+json"],
])("served as %s, a manifest is what its bytes say", async (type, bytes, mediaType) => {
  const registry = await serving(bytes, { "content-type": type });
  const { descriptor } = await repositoryOfTest(registry.host).manifest("v1");
  expect(descriptor).toEqual({ mediaType, digest: digestOf(bytes), size: bytes.length });
  expect(await repositoryOfTest(registry.host).resolve("v1")).toEqual(descriptor);
});

test("what HEAD tells is enough where it tells all", async () => {
  const digest = digestOf(image);
  const registry = await serving(image, { "content-type": manifestType, "docker-content-digest": digest });
  const descriptor = await repositoryOfTest(registry.host).resolve("v1");
  expect(descriptor).toEqual({ mediaType: manifestType, digest, size: image.length });
  expect(registry.requests.filter(({ path }) => path !== "/v2/").map(({ method }) => method)).toEqual(["HEAD"]);
});

test.each([
  [
    "a manifest that is an index, too",
    manifestType,
    JSON.stringify({ manifests: [], layers: [] }),
    /an index and a manifest at once/,
  ],
  ["an index that is served as a manifest", manifestType, index, /it is no application/],
  ["a manifest that is served as an index", indexType, untyped, /it is no application/],
  ["a manifest that says it is something else", dockerType, image, /served as .*, but says that it is/],
  ["no JSON", manifestType, "<html>", /not a JSON object/],
])("%s is refused", async (_, type, bytes, message) => {
  const registry = await serving(bytes, { "content-type": type });
  await expect(repositoryOfTest(registry.host).manifest("v1")).rejects.toMatchObject({
    kind: "invalid-argument",
    message: expect.stringMatching(message),
  });
});

test.each([
  ["application/vnd.docker.distribution.manifest.v1+prettyjws", JSON.stringify({ schemaVersion: 1 })],
  ["application/json", JSON.stringify({ schemaVersion: 1, fsLayers: [] })],
  ["application/vnd.docker.distribution.manifest.v1+json", JSON.stringify({})],
])("schema 1, served as %s, is refused with Docker's sentence", async (type, bytes) => {
  const registry = await serving(bytes, { "content-type": type });
  await expect(repositoryOfTest(registry.host).manifest("v1")).rejects.toMatchObject({
    kind: "invalid-argument",
    message: `Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed. Suggest the author of ${registry.host}/app:v1 to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/`,
  });
});

test("a manifest of another digest than it was asked for, or than the registry names, is refused", async () => {
  const other = digestOf("other");
  const registry = await serving(image, { "docker-content-digest": other, "content-type": manifestType });
  const repository = repositoryOfTest(registry.host);
  const error = { kind: "data-loss", message: `manifest verification failed for digest ${other}` };
  await expect(repository.manifest("v1")).rejects.toMatchObject(error);
  await expect(repository.manifest(other)).rejects.toMatchObject(error);
  expect((await repository.manifest(digestOf(image))).bytes).toEqual(image);
  await expect(repository.resolve(digestOf(image))).rejects.toMatchObject({ kind: "data-loss" });
});

test.each([
  ["announces", { "content-length": String(limits.json + 1) }],
  ["sends", { "transfer-encoding": "chunked" }],
])("a registry that %s too large a manifest is refused", async (_, headers) => {
  const registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    response.writeHead(200, headers);
    const more = (): void => {
      while (!response.destroyed && response.write(" ".repeat(1 << 16)));
    };
    response.on("drain", more);
    more();
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  await expect(repositoryOfTest(registry.host).manifest("v1")).rejects.toMatchObject({
    kind: "data-loss",
    message: `the registry's answer has more than ${limits.json} bytes`,
  });
});

test("referrers are read from the API, page by page, where there is one", async () => {
  const digest = digestOf(image);
  const entry = (artifactType: string): object => ({
    mediaType: manifestType,
    digest: digestOf(artifactType),
    size: 1,
    artifactType,
  });
  // The second has nothing of what was asked for: the registry filters when it has made its pages.
  const pages = [[entry("a"), entry("b")], [], [entry("a2")]];
  const registry = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname !== `/v2/app/referrers/${digest}`) return void response.writeHead(404).end();
    const page = Number(searchParams.get("page") ?? 0);
    const link = page < 2 ? { link: `</v2/app/referrers/${digest}?page=${page + 1}>; rel="next"` } : {};
    response.writeHead(200, { "content-type": indexType, ...link });
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: pages[page] }));
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  const repository = repositoryOfTest(registry.host);
  expect(await repository.referrers(digest)).toEqual(pages.flat());
  expect(await repository.referrers(digest, { artifactType: "b" })).toEqual([entry("b")]);
});

test("a manifest with a subject is not listed by hand where the registry does it", async () => {
  const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
  const bytes = manifestOf(Buffer.from("{}"), [], { subject });
  const registry = await openScriptedRegistry((request, response) => {
    const headers = { "oci-subject": digestOf(image), "docker-content-digest": digestOf(bytes) };
    request.resume().on("end", () => response.writeHead(201, headers).end());
  });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  await repositoryOfTest(registry.host).putManifest("v2", { bytes, mediaType: manifestType });
  expect(registry.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /v2/",
    `PUT /v2/app/manifests/${digestOf(bytes)}`,
    "PUT /v2/app/manifests/v2",
  ]);
});
