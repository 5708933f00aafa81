import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openRegistry, type Registry } from "../../test/support/registry.ts";
import { scratchOfTest } from "../base/testing.ts";
import { digestOf } from "../oci/digest.ts";
import type { Repository } from "./repository.ts";
import {
  collected,
  manifestOf,
  manifestType,
  registriesOfTest,
  repositoryOfTest,
  streamOf,
  type TestRegistries,
  uploadOf,
} from "./testing.ts";

const config = Buffer.from("{}");

/** Push an image of one layer, read it again, and compare. */
async function roundTrip(repository: Repository): Promise<void> {
  const layer = randomBytes(3 << 20);
  expect(await repository.upload(uploadOf(config))).toBe("pushed");
  expect(await repository.upload(uploadOf(layer))).toBe("pushed");
  expect(await repository.upload(uploadOf(layer))).toBe("exists");
  const bytes = manifestOf(config, [layer]);
  await repository.putManifest("v1", { bytes, mediaType: manifestType });
  const descriptor = { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length };
  expect(await repository.resolve("v1")).toEqual(descriptor);
  expect(await repository.resolve(digestOf(bytes))).toEqual(descriptor);
  expect(await repository.manifest("v1")).toEqual({ bytes, descriptor });
  expect(layer.equals(await collected(repository.blob(uploadOf(layer))))).toBe(true);
  const rest = await collected(repository.blob(uploadOf(layer), { offset: 2_000_000 }));
  expect(layer.subarray(2_000_000).equals(rest)).toBe(true);
}

test("an image goes to a plain registry and comes back", async () => {
  await using registry = await openRegistry({ delete: true });
  const repository = repositoryOfTest(registry.host);
  await roundTrip(repository);
  const layer = randomBytes(2 << 20);
  const digest = digestOf(layer);
  expect(await repository.hasBlob(digest)).toBe(false);
  // Its digest is known when it has been read.
  expect(await repository.upload({ body: () => ({ bytes: streamOf(layer), digest: () => digest }) })).toBe("pushed");
  expect(await repository.hasBlob(digest)).toBe(true);
  const other = registriesOfTest().repository({ domain: registry.host, path: "a/b/other" });
  expect(await other.upload({ ...uploadOf(layer), mountFrom: "app" })).toBe("mounted");
  expect(await other.upload({ ...uploadOf(config), mountFrom: "none" })).toBe("pushed");
  const { descriptor } = await repository.manifest("v1");
  await repository.deleteManifest(descriptor.digest);
  await expect(repository.manifest("v1")).rejects.toMatchObject({
    kind: "not-found",
    message: `manifest for ${registry.host}/app:v1 not found: manifest unknown: manifest unknown`,
  });
  await expect(collected(other.blob({ digest: digestOf("none"), size: 3 }))).rejects.toMatchObject({
    kind: "not-found",
    message: "unknown blob",
  });
});

test("a registry on this machine is tried with TLS, whoever signed its certificate", async () => {
  await using registry = await openRegistry({ tls: true });
  await roundTrip(repositoryOfTest(registry.host));
});

function trusting({ host, certificates }: Registry, client: boolean): TestRegistries {
  const home = scratchOfTest("certs");
  const directory = join(home, "containers", "certs.d", host);
  mkdirSync(directory, { recursive: true });
  if (certificates === undefined) throw new Error("the registry has no TLS");
  copyFileSync(certificates.ca.certificate, join(directory, "ca.crt"));
  if (client) {
    copyFileSync(certificates.client.certificate, join(directory, "me.cert"));
    copyFileSync(certificates.client.key, join(directory, "me.key"));
  }
  return { env: { XDG_CONFIG_HOME: home }, settings: { registries: new Map([[host, { insecure: false }]]) } };
}

test("a registry that has to prove who it is can do so by certs.d alone", async () => {
  await using registry = await openRegistry({ tls: true });
  await roundTrip(repositoryOfTest(registry.host, trusting(registry, false)));
  const strict = { settings: { registries: new Map([[registry.host, { insecure: false }]]) } };
  await expect(repositoryOfTest(registry.host, strict).manifest("v1")).rejects.toMatchObject({
    kind: "unavailable",
    message: `Get "https://${registry.host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
});

test("a client certificate of certs.d is shown to a registry that wants one", async () => {
  await using registry = await openRegistry({ tls: true, clientCertificates: true });
  await roundTrip(repositoryOfTest(registry.host, trusting(registry, true)));
  await expect(repositoryOfTest(registry.host, trusting(registry, false)).manifest("v1")).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringMatching(/: remote error: tls: [a-z ]+$/),
  });
});

test("a key that is none is told with the name of its file", async () => {
  await using registry = await openRegistry({ tls: true });
  const options = trusting(registry, true);
  const directory = join(String(options.env?.["XDG_CONFIG_HOME"]), "containers", "certs.d", registry.host);
  writeFileSync(join(directory, "me.key"), "none\n");
  await expect(repositoryOfTest(registry.host, options).manifest("v1")).rejects.toMatchObject({
    message: expect.stringContaining("client certificate me.cert with key me.key can't be used"),
    hint: expect.stringContaining(directory),
  });
});

test("an authority that is none is passed over as in Docker, and told with its path", async () => {
  await using registry = await openRegistry({ tls: true });
  const warnings: string[] = [];
  const options = { ...trusting(registry, false), warn: (message: string) => void warnings.push(message) };
  await roundTrip(repositoryOfTest(registry.host, options));
  expect(warnings).toEqual([]);
  const path = join(String(options.env?.["XDG_CONFIG_HOME"]), "containers", "certs.d", registry.host, "other.crt");
  writeFileSync(path, "none\n");
  expect(await repositoryOfTest(registry.host, options).hasBlob(digestOf("none"))).toBe(false);
  expect(warnings).toEqual([`${path} is passed over: it is no certificate in PEM form. Replace it, or delete it.`]);
  rmSync(path);
  mkdirSync(path);
  const refused = repositoryOfTest(registry.host, options).hasBlob(digestOf("none"));
  await expect(refused).rejects.toThrow(`read ${path}: is a directory`);
});

test("a plain registry that has to prove who it is isn't spoken with", async () => {
  await using registry = await openRegistry();
  const settings = { registries: new Map([[registry.host, { insecure: false }]]) };
  await expect(repositoryOfTest(registry.host, { settings }).manifest("v1")).rejects.toMatchObject({
    message: `Get "https://${registry.host}/v2/": http: server gave HTTP response to HTTPS client`,
  });
});

test("a registry with TLS is reached through a proxy", async () => {
  await using registry = await openRegistry({ tls: true });
  const connected: string[] = [];
  const proxy = createServer();
  proxy.on("connect", ({ url = "", headers }, client: Socket) => {
    connected.push(`${url} ${headers["proxy-authorization"]}`);
    const server = connect(Number(registry.host.split(":")[1]), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      server.pipe(client).pipe(server);
    });
    for (const socket of [server, client]) socket.on("error", () => undefined);
  });
  await once(proxy.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const env = {
    HTTPS_PROXY: `http://me:secret@127.0.0.1:${port}`,
    SSL_CERT_FILE: registry.certificates?.ca.certificate ?? "",
  };
  await roundTrip(repositoryOfTest("registry.test", { env }));
  expect(new Set(connected)).toEqual(
    new Set([`registry.test:443 Basic ${Buffer.from("me:secret").toString("base64")}`]),
  );
});

test("a registry with passwords", async () => {
  await using registry = await openRegistry({ htpasswd: { me: "secret" } });
  const { host } = registry;
  const with_ = (password: string): TestRegistries => ({ credentials: { [host]: { username: "me", password } } });
  await roundTrip(repositoryOfTest(host, with_("secret")));
  await expect(repositoryOfTest(host).manifest("v1")).rejects.toMatchObject({
    kind: "permission-denied",
    message: `Head "http://${host}/v2/app/manifests/v1": no basic auth credentials`,
  });
  await expect(repositoryOfTest(host, with_("wrong")).manifest("v1")).rejects.toMatchObject({
    kind: "permission-denied",
    message: "unauthorized: authentication required",
  });
  const registries = registriesOfTest();
  const credentials = { username: "me", password: "secret" };
  expect(await registries.login(host, credentials)).toEqual(credentials);
  await expect(registries.login(host, { username: "me", password: "wrong" })).rejects.toMatchObject({
    kind: "permission-denied",
    message: `login attempt to http://${host}/v2/ failed with status: 401 Unauthorized`,
  });
});

test("a registry behind a token server", async () => {
  await using registry = await openRegistry({ tokenServer: { users: { me: "secret" }, anonymous: ["pull"] } });
  const { host } = registry;
  const me = { username: "me", password: "secret" };
  await roundTrip(repositoryOfTest(host, { credentials: { [host]: me } }));
  // One token for what reads, and one for what writes: each is kept.
  expect(registry.tokenRequests.map(({ scopes }) => scopes)).toEqual([
    ["repository:app:pull"],
    ["repository:app:pull,push"],
  ]);
  const anonymous = repositoryOfTest(host);
  expect((await anonymous.manifest("v1")).descriptor.mediaType).toBe(manifestType);
  await expect(anonymous.upload(uploadOf(Buffer.from("new")))).rejects.toMatchObject({
    kind: "permission-denied",
    message: "errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required\n",
  });
  const wrong = { credentials: { [host]: { username: "me", password: "wrong" } } };
  await expect(repositoryOfTest(host, wrong).manifest("v1")).rejects.toMatchObject({
    kind: "permission-denied",
    message: `Head "http://${host}/v2/app/manifests/v1": unauthorized: incorrect username or password`,
  });
});

test("login gives an identity token in exchange for the password, and that is good for a pull and a mount", async () => {
  await using registry = await openRegistry({ tokenServer: { users: { me: "secret" } } });
  const { host } = registry;
  const registries = registriesOfTest();
  const kept = await registries.login(host, { username: "me", password: "secret" });
  expect(kept).toEqual({ identityToken: expect.stringMatching(/./) });
  expect(await registries.login(host, kept)).toEqual(kept);
  const mine = registriesOfTest({ credentials: { [host]: kept } });
  await roundTrip(mine.repository({ domain: host, path: "app" }));
  const upload = { ...uploadOf(config), mountFrom: "app" };
  expect(await mine.repository({ domain: host, path: "other" }).upload(upload)).toBe("mounted");
  expect(registry.tokenRequests.at(-1)?.scopes).toEqual(["repository:app:pull", "repository:other:pull,push"]);
  await expect(registries.login(host, { username: "me", password: "wrong" })).rejects.toMatchObject({
    kind: "permission-denied",
    message: `Get "http://${host}/v2/": unauthorized: incorrect username or password`,
  });
});

test("a token that is too old is replaced, once", async () => {
  // The server says that its tokens last, though they have ended when they are made.
  const tokenServer = { users: { me: "secret" }, lifetime: -60, saidLifetime: 300 };
  await using registry = await openRegistry({ tokenServer });
  const credentials = { [registry.host]: { username: "me", password: "secret" } };
  const repository = repositoryOfTest(registry.host, { credentials });
  await expect(repository.manifest("v1")).rejects.toMatchObject({ kind: "permission-denied" });
  expect(registry.tokenRequests).toHaveLength(1);
  await expect(repository.manifest("v1")).rejects.toMatchObject({ kind: "permission-denied" });
  expect(registry.tokenRequests).toHaveLength(2);
});

test("what refers to a manifest is listed in the index that stands in for the API", async () => {
  await using registry = await openRegistry();
  const repository = repositoryOfTest(registry.host);
  await repository.upload(uploadOf(config));
  const image = manifestOf(config, []);
  await repository.putManifest("v1", { bytes: image, mediaType: manifestType });
  const subject = { mediaType: manifestType, digest: digestOf(image), size: image.length };
  expect(await repository.referrers(subject.digest)).toEqual([]);
  const referring = (artifactType: string): Buffer =>
    manifestOf(config, [], { subject, artifactType, annotations: { a: "b" } });
  for (const type of ["test/one", "test/two", "test/one"]) {
    const bytes = referring(type);
    await repository.putManifest(digestOf(bytes), { bytes, mediaType: manifestType });
  }
  const entryOf = (artifactType: string): object => {
    const bytes = referring(artifactType);
    return {
      mediaType: manifestType,
      digest: digestOf(bytes),
      size: bytes.length,
      artifactType,
      annotations: { a: "b" },
    };
  };
  expect(await repository.referrers(subject.digest)).toEqual([entryOf("test/one"), entryOf("test/two")]);
  expect(await repository.referrers(subject.digest, { artifactType: "test/two" })).toEqual([entryOf("test/two")]);
});

test("every tag is listed, page by page", async () => {
  await using registry = await openRegistry();
  const repository = repositoryOfTest(registry.host);
  await repository.upload(uploadOf(config));
  const bytes = manifestOf(config, []);
  const tags = ["v3", "v1", "v2"];
  for (const tag of tags) await repository.putManifest(tag, { bytes, mediaType: manifestType });
  expect((await Array.fromAsync(repository.tags())).sort()).toEqual(tags.sort());
  const none = registriesOfTest().repository({ domain: registry.host, path: "none" });
  await expect(Array.fromAsync(none.tags())).rejects.toMatchObject({
    kind: "not-found",
    message: "name unknown: repository name not known to registry",
  });
});
