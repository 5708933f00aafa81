import type { Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../test/support/certificates.ts";
import { openScriptedRegistry, type ScriptedRegistry } from "../../test/support/registry.ts";
import { openSocksServer, reply, type SocksOptions, type SocksServer } from "../../test/support/socks-server.ts";
import { scratchOfTest } from "../base/testing.ts";
import { collected, repositoryOfTest, type TestRegistries, uploadOf } from "./testing.ts";

const blob = uploadOf(Buffer.alloc(300_000, "bytes"));

async function socks(options: SocksOptions = {}): Promise<SocksServer> {
  const server = await openSocksServer(options);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** A registry that has the blob, with TLS where it has a certificate. */
async function registry(tls?: ReturnType<typeof makeCertificates>["server"]): Promise<ScriptedRegistry> {
  const opened = await openScriptedRegistry(
    async (_, response) => {
      for await (const bytes of blob.body().bytes) response.write(bytes);
      response.end();
    },
    tls === undefined ? {} : { tls },
  );
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

/** A registry's plain HTTP is asked through a proxy. */
function through(proxy: string, more: TestRegistries = {}): TestRegistries {
  const registries = new Map([["registry.test:5000", { mirrors: ["http://registry.test:5000"] }]]);
  return {
    ...more,
    settings: { registries, proxies: { httpProxy: proxy, httpsProxy: proxy }, maxDownloadAttempts: 1 },
  };
}

const read = async (options: TestRegistries, domain = "registry.test:5000"): Promise<Buffer> =>
  await collected(repositoryOfTest(domain, options).blob(blob));

test.each([
  ["nobody", undefined, ""],
  ["a user", { name: "me", password: "p@ss:wörd" }, "me:p%40ss%3Aw%C3%B6rd@"],
])("a plain registry is reached through SOCKS5 by %s, and the proxy looks its name up", async (_, account, user) => {
  const { host: target } = await registry();
  const proxy = await socks({ target, ...(account && { account }) });
  const bytes = await read(through(proxy.url.replace("//", `//${user}`)));
  expect(bytes.equals(await collected(blob.body().bytes))).toBe(true);
  expect(proxy.asked).toEqual(["registry.test:5000"]);
});

test("a registry with TLS is reached through socks5h, its certificate checked, on one connection", async () => {
  const tls = makeCertificates(scratchOfTest("socks"));
  const { host: target } = await registry(tls.server);
  const proxy = await socks({ target });
  const settings = { proxies: { httpsProxy: proxy.url.replace("socks5:", "socks5h:") }, maxDownloadAttempts: 1 };
  // The address that the certificate is for is one of this machine, which no proxy is asked for: the name isn't.
  const repository = repositoryOfTest("registry.test:5000", {
    settings,
    env: { SSL_CERT_FILE: tls.ca.certificate },
  });
  for (let n = 0; n < 2; n++) {
    expect((await collected(repository.blob(blob))).length).toBe(blob.size);
  }
  expect(proxy.asked).toEqual(["registry.test:5000"]);
  const unknown = repositoryOfTest("registry.test:5000", { settings });
  await expect(unknown.hasBlob(blob.digest)).rejects.toMatchObject({
    message: expect.stringContaining("certificate signed by unknown authority"),
  });
});

test.each([
  ["192.0.2.1:5000", "192.0.2.1:5000"],
  ["[2001:db8::1:2]:5000", "[2001:db8:0:0:0:0:1:2]:5000"],
])("the address %s goes as it is", async (domain, asked) => {
  const { host: target } = await registry();
  const proxy = await socks({ target });
  const registries = new Map([[domain, { mirrors: [`http://${domain}`] }]]);
  const settings = { registries, proxies: { httpProxy: proxy.url, httpsProxy: proxy.url } };
  expect((await read({ settings }, domain)).length).toBe(blob.size);
  expect(proxy.asked).toEqual([asked]);
});

/** What a proxy does when it has read the first bytes. */
const answering =
  (...answers: readonly (Buffer | undefined)[]) =>
  (socket: Socket): void => {
    let n = 0;
    socket.on("data", () => {
      const answer = answers[n++];
      if (answer === undefined) socket.end();
      else socket.write(answer);
    });
  };
const open = Buffer.of(5, 0);

test.each<[string, (socket: Socket) => void, RegExp]>([
  ["speaks SOCKS4", answering(Buffer.of(0, 90)), /unexpected protocol version 0$/],
  ["wants what nobody has", answering(Buffer.of(5, 0xff)), /no acceptable authentication methods$/],
  ["wants a password though none was offered", answering(Buffer.of(5, 2)), /no acceptable authentication methods$/],
  ["can't reach the server", answering(open, reply(4)), /unknown error host unreachable$/],
  ["mayn't", answering(open, reply(2)), /unknown error connection not allowed by ruleset$/],
  ["says what nobody knows", answering(open, reply(99)), /unknown error unknown code: 99$/],
  ["has a strange address", answering(open, Buffer.of(5, 0, 0, 9, 0, 0)), /unknown address type 9$/],
  ["stops within an answer", answering(open, Buffer.of(5, 0, 0)), /i\/o timeout$/],
  ["ends within an answer", (socket) => void socket.end(Buffer.of(5, 0, 5)), /EOF$/],
  [
    "says more than it was asked",
    answering(open, Buffer.concat([reply(0), Buffer.from("HTTP/1.1 200 OK")])),
    /unexpected bytes behind the answer$/,
  ],
  ["goes away at once", (socket) => void socket.end(), /EOF$/],
  ["never answers", () => undefined, /i\/o timeout$/],
  ["talks without end", answering(open, Buffer.alloc(1 << 20, 1)), /unexpected protocol version 1$/],
])("a proxy that %s is told", async (_, instead, message) => {
  const proxy = await socks({ instead });
  const waits = message.source.includes("timeout");
  const options = through(proxy.url, waits ? { patience: { connect: 300 } } : {});
  const registries = new Map([["registry.test:5000", { insecure: true }]]);
  const settings = { ...options.settings, registries };
  const failure = repositoryOfTest("registry.test:5000", { ...options, settings }).hasBlob(blob.digest);
  await expect(failure).rejects.toMatchObject({ kind: "unavailable", message: expect.stringMatching(message) });
});

test.each([
  ["a SOCKS5 proxy", "socks5:", /: socks connect tcp 127\.0\.0\.1:\d+->registry\.test:5000: i\/o timeout$/],
  ["a proxy of HTTP", "http:", /: dial tcp: connect to registry\.test: i\/o timeout$/],
])("%s that takes a connection and says nothing is waited for once", async (_, protocol, message) => {
  let connections = 0;
  const proxy = await socks({ instead: () => void connections++ });
  const settings = { proxies: { httpsProxy: proxy.url.replace("socks5:", protocol) } };
  const repository = repositoryOfTest("registry.test:5000", { settings, patience: { connect: 300 } });
  await expect(repository.hasBlob(blob.digest)).rejects.toMatchObject({ message: expect.stringMatching(message) });
  expect(connections).toBe(1);
});

test("a password that is wrong, and a proxy that isn't there, are told without what is secret", async () => {
  const proxy = await socks({ account: { name: "me", password: "right" } });
  const has = (url: string): Promise<boolean> => repositoryOfTest("registry.test", through(url)).hasBlob(blob.digest);
  await expect(has(proxy.url.replace("//", "//me:wrong@"))).rejects.toMatchObject({
    message: expect.stringMatching(
      /^Get "https:\/\/registry\.test\/v2\/": socks connect tcp 127\.0\.0\.1:\d+->registry\.test:443: username\/password authentication failed$/,
    ),
  });
  await proxy[Symbol.asyncDispose]();
  await expect(has(proxy.url.replace("//", "//me:secret@"))).rejects.toMatchObject({
    message: expect.stringMatching(
      /^Get "https:\/\/registry\.test\/v2\/": proxyconnect tcp: dial tcp .*: connection refused$/,
    ),
  });
});
