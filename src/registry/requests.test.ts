import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../test/support/certificates.ts";
import type { Handler } from "../../test/support/listen.ts";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { scratchOfTest } from "../base/testing.ts";
import { digestOf } from "../oci/digest.ts";
import { registriesOfTest, repositoryOfTest, type TestRegistries, uploadOf } from "./testing.ts";

type Answer = { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

const blob = { digest: digestOf("bytes"), size: 5 };

async function scripted(handler: Handler): Promise<ScriptedRegistry> {
  const registry = await openScriptedRegistry(handler);
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

/** A registry that answers with these, one after the other; the last one stays. Of its requests, those before are not counted. */
async function answering(...answers: readonly Answer[]): Promise<ScriptedRegistry> {
  let n = 0;
  return await scripted((request, response) => {
    if (request.url === "/v2/") return void response.end();
    const { status = 200, headers = {}, body = "" } = answers[Math.min(n++, answers.length - 1)] ?? {};
    response.writeHead(status, headers).end(body);
  });
}

const asked = ({ requests }: ScriptedRegistry): number => requests.filter(({ path }) => path !== "/v2/").length;
const has = (host: string, options?: TestRegistries): Promise<boolean> =>
  repositoryOfTest(host, options).hasBlob(blob.digest);
const json = { "content-type": "application/json" };
const errors = (code: string, message: string): string => JSON.stringify({ errors: [{ code, message }] });

test.each([500, 502, 503, 504, 429, 408])("%d is tried again", async (status) => {
  const registry = await answering({ status, headers: { "retry-after": "0" } }, {});
  expect(await has(registry.host)).toBe(true);
  expect(asked(registry)).toBe(2);
});

test.each([501, 400, 403, 405, 418])("%d is not tried again", async (status) => {
  const registry = await answering({ status }, {});
  await expect(has(registry.host)).rejects.toThrow();
  expect(asked(registry)).toBe(1);
});

test("attempts are as many as the settings say", async () => {
  const registry = await answering({ status: 503, headers: { "retry-after": "0" } });
  await expect(has(registry.host, { settings: { maxDownloadAttempts: 3 } })).rejects.toMatchObject({
    kind: "unavailable",
    message: "received unexpected HTTP status: 503 Service Unavailable",
  });
  expect(asked(registry)).toBe(3);
});

test("a server that wants to be left alone for an hour isn't waited for", async () => {
  const registry = await answering({ status: 429, headers: { "retry-after": "3600" } });
  await expect(has(registry.host)).rejects.toMatchObject({
    kind: "unavailable",
    message: "toomanyrequests: too many requests",
  });
  expect(asked(registry)).toBe(1);
});

test("a quota that is used up is told, and not asked again", async () => {
  const headers = { ...json, "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600" };
  const body = errors("TOOMANYREQUESTS", "You have reached your pull rate limit.");
  const registry = await answering({ status: 429, headers, body });
  const repository = repositoryOfTest(registry.host);
  expect(repository.rateLimit()).toBeUndefined();
  await expect(repository.manifest("v1")).rejects.toMatchObject({
    kind: "unavailable",
    message: "toomanyrequests: You have reached your pull rate limit.",
    hint: expect.stringContaining("berth login"),
  });
  expect(repository.rateLimit()).toEqual({ limit: 100, remaining: 0, window: 21600 });
  expect(asked(registry)).toBe(1);
});

test.each<[number, Answer, string]>([
  [
    404,
    { headers: json, body: errors("NAME_UNKNOWN", "no such name") },
    "repository HOST/app not found: name unknown: no such name",
  ],
  [
    404,
    { headers: json, body: errors("MANIFEST_UNKNOWN", "nothing here") },
    "manifest for HOST/app:v1 not found: manifest unknown: nothing here",
  ],
  [
    403,
    { headers: json, body: errors("DENIED", "not for you") },
    "pull access denied for HOST/app, repository does not exist or may require 'docker login': denied: not for you",
  ],
  [404, { headers: json, body: errors("MANIFEST_UNKNOWN", "manifest unknown") }, "manifest unknown"],
  [401, { headers: json, body: errors("UNAUTHORIZED", "") }, "unauthorized"],
  [
    401,
    { headers: json, body: '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":{}}]}' },
    "unauthorized: authentication required",
  ],
  [400, { headers: json, body: errors("SOMETHING", "new") }, "unknown: new"],
  [400, { headers: json, body: '{"errors":[{"code":"NAME_INVALID"},{"code":"TAG_INVALID"}]}' }, "name invalid"],
  [400, { headers: json, body: '{"details":"irregular"}' }, "unknown: irregular"],
  [
    404,
    { headers: { "content-type": "text/html" }, body: "<html>\u001b[31m\r\n  no </html>" },
    "unknown: <html> [31m no </html>",
  ],
  [404, { headers: json, body: "no json" }, "unknown: 404 Not Found"],
  [404, {}, "unknown: 404 Not Found"],
  [400, { body: "x".repeat(100_000) }, `unknown: ${"x".repeat(1000)}...`],
])("%d, %j is told as Docker does", async (status, answer, message) => {
  const registry = await answering({ ...answer, status });
  const repository = repositoryOfTest(registry.host);
  await expect(repository.manifest("v1")).rejects.toMatchObject({ message: message.replaceAll("HOST", registry.host) });
});

test.each([
  [403, errors("DENIED", "not for you")],
  [401, errors("UNAUTHORIZED", "")],
])("%d has a hint of how to log in, whatever was asked for", async (status, body) => {
  const registry = await answering({ status, headers: json, body });
  const app = repositoryOfTest(registry.host);
  const hint = `If you have access: \`berth login ${registry.host}\`.`;
  for (const refused of [
    app.manifest("v1"),
    app.upload(uploadOf(Buffer.from("bytes"))),
    app.putManifest("v1", { bytes: Buffer.from("{}"), mediaType: "application/json" }),
    Array.fromAsync(app.tags()),
  ]) {
    await expect(refused).rejects.toMatchObject({ hint });
  }
});

test("several errors are all told, but for a pull", async () => {
  const body = '{"errors":[{"code":"NAME_INVALID","message":"a"},{"code":"TAG_INVALID","message":"b"}]}';
  const registry = await answering({ status: 400, headers: json, body });
  await expect(Array.fromAsync(repositoryOfTest(registry.host).tags())).rejects.toMatchObject({
    message: "errors:\nname invalid: a\ntag invalid: b\n",
  });
});

test("another server than the registry never sees who asks", async () => {
  const storage = await scripted((_, response) => void response.end("bytes"));
  const registry = await scripted((request, response) => {
    if (request.headers.authorization === undefined) {
      return void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
    }
    response.writeHead(307, { location: `${storage.url}/signed?secret=1` }).end();
  });
  const credentials = { [registry.host]: { username: "me", password: "secret" } };
  const repository = repositoryOfTest(registry.host, { credentials });
  expect(Buffer.concat(await Array.fromAsync(repository.blob(blob))).toString()).toBe("bytes");
  expect(storage.requests).toHaveLength(1);
  expect(storage.requests[0]?.headers).not.toHaveProperty("authorization");
});

test("redirects within a registry keep who asks, and a loop of them ends", async () => {
  const registry = await scripted((request, response) => {
    if (request.headers.authorization === undefined) {
      return void response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
    }
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  const credentials = { [registry.host]: { username: "me", password: "secret" } };
  await expect(has(registry.host, { credentials })).rejects.toMatchObject({
    message: expect.stringMatching(/: stopped after 10 redirects$/),
  });
  expect(registry.requests.filter(({ path }) => path === "/elsewhere")).toHaveLength(10);
  expect(registry.requests.at(-1)?.headers).toHaveProperty("authorization");
});

test.each([
  ["file:///etc/passwd", /redirects to an unsupported protocol scheme$/, undefined],
  ["http://registry.test/", /redirects from HTTPS to plain HTTP$/, expect.stringContaining("insecure-registries")],
])("a redirect to %s is refused", async (location, message, hint) => {
  const tls = makeCertificates(scratchOfTest("redirects"));
  await using registry = await openScriptedRegistry((_, response) => void response.writeHead(302, { location }).end(), {
    tls: tls.server,
  });
  const trusting = {
    env: { SSL_CERT_FILE: tls.ca.certificate },
    settings: { registries: new Map([[registry.host, { insecure: false }]]) },
  };
  await expect(has(registry.host, trusting)).rejects.toMatchObject({ message: expect.stringMatching(message), hint });
});

test("what a server says is told without the secrets that it was sent", async () => {
  const registry = await scripted((request, response) => {
    const { authorization } = request.headers;
    const challenge = { "www-authenticate": "Basic realm=x" };
    if (authorization === undefined) return void response.writeHead(401, challenge).end();
    response.writeHead(403).end(`${authorization}, ${Buffer.from(authorization.slice(6), "base64")}`);
  });
  const credentials = { [registry.host]: { username: "me", password: "secret" } };
  const tags = repositoryOfTest(registry.host, { credentials }).tags();
  await expect(Array.fromAsync(tags)).rejects.toMatchObject({ message: "denied: Basic xxxxx, me:xxxxx" });
});

test.each([
  ["a token", { token: "T" }],
  ["an access token", { access_token: "T", token: "" }],
])("the registry gets %s", async (_, answer) => {
  const registry = await withTokens(JSON.stringify(answer));
  expect(await has(registry.host)).toBe(true);
  expect(registry.requests.at(-1)?.headers["authorization"]).toBe("Bearer T");
});

test.each([
  ["no token", "{}"],
  ["no JSON", "<html>"],
  ["a token that ends a header", JSON.stringify({ token: "a\r\nHost: b" })],
  ["a token that is none", JSON.stringify({ token: 1 })],
])("a token server that gives %s is told", async (_, answer) => {
  const registry = await withTokens(answer);
  await expect(has(registry.host)).rejects.toMatchObject({
    kind: "permission-denied",
    message: expect.stringMatching(/: authorization server did not include a token in the response$/),
  });
});

test("an endless answer of a token server ends", async () => {
  const registry = await withTokens("x".repeat(1 << 20));
  await expect(has(registry.host)).rejects.toMatchObject({ message: expect.stringMatching(/more than 262144 bytes$/) });
});

/** A registry that takes the token `T`, which its token server gives with this answer. */
async function withTokens(answer: string): Promise<ScriptedRegistry> {
  return await scripted((request, response) => {
    if (request.url?.startsWith("/token") === true) return void response.end(answer);
    const authenticate = `Bearer realm="http://${request.headers.host}/token",service="s"`;
    if (request.headers.authorization === "Bearer T") response.end();
    else response.writeHead(401, { "www-authenticate": authenticate }).end();
  });
}

test("what a server asks for beside a request's own scope is asked for with that request alone", async () => {
  const asked: (readonly string[])[] = [];
  const registry = await scripted((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname === "/v2/") return void response.end();
    if (pathname === "/token") {
      asked.push(searchParams.getAll("scope"));
      return void response.end(JSON.stringify({ token: `T${asked.length}` }));
    }
    const [, , name] = pathname.split("/");
    const authenticate = `Bearer realm="http://${request.headers.host}/token",scope="repository:hub/${name}:pull"`;
    if (
      request.headers.authorization === `Bearer T${asked.length}` &&
      asked.at(-1)?.includes(`repository:hub/${name}:pull`) === true
    )
      response.end();
    else response.writeHead(401, { "www-authenticate": authenticate }).end();
  });
  const registries = registriesOfTest();
  for (const path of ["one", "two"]) {
    expect(await registries.repository({ domain: registry.host, path }).hasBlob(blob.digest)).toBe(true);
  }
  expect(asked.at(0)).toEqual(["repository:hub/one:pull", "repository:one:pull"]);
  expect(asked.at(-1)).toEqual(["repository:hub/two:pull", "repository:two:pull"]);
});

test("requests that begin at once share a token, and one that is refused is replaced", async () => {
  let taken = "";
  let made = 0;
  const registry = await scripted((request, response) => {
    if (request.url === "/v2/") return void response.end();
    if (request.url?.startsWith("/token") === true) {
      taken = `T${++made}`;
      return void response.end(JSON.stringify({ token: taken }));
    }
    const authenticate = `Bearer realm="http://${request.headers.host}/token"`;
    if (request.headers.authorization === `Bearer ${taken}`) response.end();
    else response.writeHead(401, { "www-authenticate": authenticate }).end();
  });
  const repository = repositoryOfTest(registry.host);
  await Promise.all([1, 2, 3].map(() => repository.hasBlob(blob.digest)));
  expect(made).toBe(1);
  taken = "none";
  expect(await repository.hasBlob(blob.digest)).toBe(true);
  expect(made).toBe(2);
});

test("a token server without TLS gets no password of a registry with TLS", async () => {
  const tokens = await scripted((_, response) => void response.end(JSON.stringify({ token: "T" })));
  const tls = makeCertificates(scratchOfTest("realm"));
  const authenticate = `Bearer realm="${tokens.url.replace("127.0.0.1", "registry.test")}/token"`;
  await using registry = await openScriptedRegistry(
    (_, response) => void response.writeHead(401, { "www-authenticate": authenticate }).end(),
    { tls: tls.server },
  );
  const trusting = {
    env: { SSL_CERT_FILE: tls.ca.certificate },
    settings: { registries: new Map([[registry.host, { insecure: false }]]) },
    credentials: { [registry.host]: { username: "me", password: "secret" } },
  };
  await expect(has(registry.host, trusting)).rejects.toMatchObject({
    kind: "permission-denied",
    message: expect.stringMatching(/: the token server registry\.test:\d+ is reached without TLS$/),
  });
  expect(tokens.requests).toEqual([]);
});

test("a token server whose address is no server's is named", async () => {
  const registry = await answering({
    status: 401,
    headers: { "www-authenticate": 'Bearer realm="file:///etc/passwd",service="x"' },
  });
  await expect(has(registry.host)).rejects.toMatchObject({
    kind: "permission-denied",
    message: expect.stringMatching(/: the token server has no address of HTTP: file:\/\/\/etc\/passwd$/),
  });
});

test("a mirror is asked as the host that it is, and left alone where it fails", async () => {
  const mirror = await scripted((request, response) => {
    if (request.url === "/mirror/v2/") return void response.end();
    response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
  });
  const registry = await answering({ status: 404 });
  const credentials = { [registry.host]: { username: "me", password: "secret" } };
  const registries = new Map([[registry.host, { mirrors: [`${mirror.url}/mirror`] }]]);
  await expect(
    repositoryOfTest(registry.host, { credentials, settings: { registries } }).manifest("v1"),
  ).rejects.toMatchObject({
    message: "unknown: 404 Not Found",
  });
  expect(mirror.requests.map(({ path, headers }) => [path, headers["authorization"]])).toEqual([
    [`/mirror/v2/app/manifests/v1?ns=${encodeURIComponent(registry.host)}`, undefined],
  ]);
  expect(asked(registry)).toBe(1);
});

test.each([
  ["fails", (_: unknown, response: Parameters<Handler>[1]) => void response.writeHead(500).end()],
  ["says nothing", () => undefined],
])("a mirror that %s isn't asked for the rest", async (_, handler) => {
  const mirror = await scripted(handler);
  const registry = await answering({ body: "bytes" });
  const registries = new Map([[registry.host, { mirrors: [mirror.url] }]]);
  const repository = repositoryOfTest(registry.host, { settings: { registries }, patience: { answer: 200 } });
  for (let n = 0; n < 5; n++) expect(await Array.fromAsync(repository.blob(blob))).toHaveLength(1);
  expect([mirror.requests.length, asked(registry)]).toEqual([2, 5]);
});

test("a mirror is told whose registry is meant, and a registry isn't told its own name", async () => {
  const mirror = await scripted((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://x");
    if (searchParams.get("page") === "2") return void response.end('{"manifests":[]}');
    response.writeHead(200, { link: '<?artifactType=a%2Fb&page=2>; rel="next"' });
    response.end(JSON.stringify({ manifests: [{ ...blob, mediaType: "application/x", artifactType: "a/b" }] }));
  });
  const registry = await answering({ body: "bytes" });
  const mirrored = repositoryOfTest("registry.test", {
    settings: { registries: new Map([["registry.test", { mirrors: [mirror.url] }]]) },
  });
  expect(await mirrored.referrers(blob.digest, { artifactType: "a/b" })).toHaveLength(1);
  expect(mirror.requests.map(({ path }) => path.replace(blob.digest, "D"))).toEqual([
    "/v2/app/referrers/D?artifactType=a%2Fb&ns=registry.test",
    "/v2/app/referrers/D?artifactType=a%2Fb&page=2&ns=registry.test",
  ]);
  const itself = new Map([[registry.host, { mirrors: [registry.url] }]]);
  await Array.fromAsync(repositoryOfTest(registry.host, { settings: { registries: itself } }).blob(blob));
  expect(registry.requests.map(({ path }) => path)).toEqual([`/v2/app/blobs/${blob.digest}`]);
});

test.each([
  ["a mirror with neither list of referrers isn't taken for one without any", 404],
  ["a mirror whose list is no index isn't, either", 200],
])("%s", async (_, status) => {
  const entry = { ...blob, mediaType: "application/x" };
  const mirror = await scripted((request, response) => {
    const isTag = request.url?.startsWith("/v2/app/manifests/sha256-") === true;
    response.writeHead(isTag ? status : 404).end(isTag ? '{"schemaVersion":2,"layers":[]}' : "");
  });
  const registry = await answering({ body: JSON.stringify({ manifests: [entry] }) });
  const registries = new Map([[registry.host, { mirrors: [mirror.url] }]]);
  const mirrored = repositoryOfTest(registry.host, { settings: { registries } });
  expect(await mirrored.referrers(blob.digest)).toEqual([entry]);
  expect(mirror.requests).toHaveLength(2);
});

test("where neither mirror nor registry has a list of referrers, there are none", async () => {
  const [mirror, registry] = [await answering({ status: 404 }), await answering({ status: 404 })];
  const registries = new Map([[registry.host, { mirrors: [mirror.url] }]]);
  const mirrored = repositoryOfTest(registry.host, { settings: { registries } });
  expect(await mirrored.referrers(blob.digest)).toEqual([]);
  expect(asked(registry)).toBe(2);
});

test("a mirror without a blob isn't asked for its size alone", async () => {
  const [mirror, registry] = [
    await answering({ status: 404 }),
    await answering({ headers: { "content-length": "5" } }),
  ];
  const registries = new Map([[registry.host, { mirrors: [mirror.url] }]]);
  const mirrored = repositoryOfTest(registry.host, { settings: { registries } });
  expect(await mirrored.blobSize(blob.digest)).toBe(5);
});

test("a repository that is written to is read with the token that writes, and a mount asks for its source beside", async () => {
  const asked: (readonly string[])[] = [];
  const registry = await scripted((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    if (pathname === "/token") {
      asked.push(searchParams.getAll("scope"));
      return void response.end(JSON.stringify({ token: `T${asked.length}` }));
    }
    const wants =
      pathname === "/v2/" ? "" : `,scope="repository:app:${request.method === "HEAD" ? "pull" : "pull,push"}"`;
    const authenticate = `Bearer realm="http://${request.headers.host}/token"${wants}`;
    if (request.headers.authorization === undefined) response.writeHead(401, { "www-authenticate": authenticate });
    else if (request.method === "POST")
      response.writeHead(searchParams.has("mount") ? 201 : 202, { location: "/v2/x" });
    else if (request.method === "HEAD") response.writeHead(404);
    else response.writeHead(201);
    response.end();
  });
  const small = uploadOf(Buffer.from("small"));
  const written = registriesOfTest().repository({ domain: registry.host, path: "app" }, { isWritten: true });
  expect(await written.hasBlob(blob.digest)).toBe(false);
  expect(await written.upload(small)).toBe("pushed");
  expect(await written.upload({ ...small, mountFrom: "other" })).toBe("mounted");
  const scopes = ["repository:app:pull,push", "repository:other:pull"];
  expect(asked).toEqual([[scopes[0]], scopes]);
});

test("a name in an insecure network is reached at that address, without TLS", async () => {
  const registry = await answering({});
  const domain = registry.host.replace("127.0.0.1", "registry.test");
  const settings = { insecureRegistries: ["127.0.0.0/8"] };
  expect(await has(domain, { settings, addresses: { "registry.test": "127.0.0.1" } })).toBe(true);
  expect(registry.requests[0]?.headers["host"]).toBe(domain);
});

test.each(["Registry.TEST", "registry.test"])("%s is blocked, mirrored and in an insecure network", async (name) => {
  const registry = await answering({ headers: { "content-length": "5" } });
  const domain = registry.host.replace("127.0.0.1", name);
  const lower = domain.toLowerCase();
  const blocking = { settings: { registries: new Map([[lower, { blocked: true }]]) } };
  await expect(has(domain, blocking)).rejects.toMatchObject({ hint: expect.stringContaining("blocks") });
  const mirrors = { settings: { registries: new Map([[lower, { mirrors: [registry.url] }]]) } };
  expect(await repositoryOfTest(domain, mirrors).blobSize(blob.digest)).toBe(5);
  const settings = { insecureRegistries: ["127.0.0.0/8"] };
  expect(await has(domain, { settings, addresses: { "registry.test": "127.0.0.1" } })).toBe(true);
});

test("a plain registry is reached through a proxy", async () => {
  const proxy = await scripted((_, response) => void response.end());
  const env = { HTTP_PROXY: proxy.url.replace("http://", "http://me:secret@"), NO_PROXY: "other.test" };
  const settings = { registries: new Map([["registry.test:5000", { mirrors: ["http://registry.test:5000"] }]]) };
  await repositoryOfTest("registry.test:5000", { env, settings })
    .resolve("v1")
    .catch(() => undefined);
  expect(proxy.requests[0]).toMatchObject({
    method: "HEAD",
    path: "http://registry.test:5000/v2/app/manifests/v1",
    headers: {
      host: "registry.test:5000",
      "proxy-authorization": `Basic ${Buffer.from("me:secret").toString("base64")}`,
    },
  });
});

test.each<[string, Handler, RegExp]>([
  [
    "a head that is too large",
    (_, response) => void response.writeHead(200, { x: "x".repeat(100_000) }).end(),
    /server response headers are too large$/,
  ],
  ["no HTTP", (_, response) => void response.socket?.end("hello"), /malformed HTTP response$/],
  ["nothing", (_, response) => void response.socket?.destroy(), /unexpected EOF$/],
])("a server that answers with %s is told", async (_, handler, message) => {
  const registry = await scripted((request, response) =>
    request.url === "/v2/" ? void response.end() : handler(request, response),
  );
  const registries = registriesOfTest({ settings: { maxDownloadAttempts: 1 } });
  const repository = registries.repository({ domain: registry.host, path: "app" });
  await expect(repository.hasBlob(blob.digest)).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringMatching(message),
  });
});

test("a server that never answers is waited for as long as there is patience", async () => {
  const registry = await scripted((request, response) => (request.url === "/v2/" ? void response.end() : undefined));
  const options = { patience: { answer: 50 }, settings: { maxDownloadAttempts: 1 } };
  await expect(has(registry.host, options)).rejects.toMatchObject({
    message: expect.stringMatching(/timeout awaiting response headers$/),
  });
});
