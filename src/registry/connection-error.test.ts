import { expect, test } from "vitest";
import { connectionError, proxiedError } from "./connection-error.ts";

const failed = (code: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more });

const openssl = (reason: string): string =>
  `4083F550707F0000:error:0A000412:SSL routines:ssl3_read_bytes:${reason}:../deps/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 42\n`;

const server = new URL("https://a.test:5000/v2/");

test.each([
  ["ssl/tls alert bad certificate", "remote error: tls: bad certificate"],
  ["tlsv13 alert certificate required", "remote error: tls: certificate required"],
  ["sslv3 alert handshake failure", "remote error: tls: handshake failure"],
  ["unsupported protocol", "tls: unsupported protocol"],
])("OpenSSL's %s is told in Go's words", (reason, message) => {
  expect(connectionError(failed("EPROTO", openssl(reason)), server)).toMatchObject({ message });
});

test.each([
  ["DNS:b.test, IP Address:127.0.0.1", "certificate is valid for b.test, 127.0.0.1, not a.test"],
  [undefined, "certificate is not valid for any names, but wanted to match a.test"],
])("a certificate for %s is told as one for others", (subjectaltname, why) => {
  const error = failed("ERR_TLS_CERT_ALTNAME_INVALID", "", { cert: { subjectaltname } });
  const message = `tls: failed to verify certificate: x509: ${why}`;
  expect(connectionError(error, server)).toMatchObject({ message });
});

const proxy = new URL("http://me:secret@proxy.test:3128");

test.each<[Error, string]>([
  [
    failed("ECONNREFUSED", "connect", { address: "10.0.0.1", port: 3128 }),
    "proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused",
  ],
  [failed("ENOTFOUND", "getaddrinfo"), "proxyconnect tcp: dial tcp: lookup proxy.test: no such host"],
  [
    failed("ERR_PROXY_TUNNEL", "Failed to establish tunnel to a via http://proxy.test/: HTTP/1.1 407 Who are you?"),
    "proxyconnect tcp: 407 Who are you?",
  ],
  [
    failed("CERT_HAS_EXPIRED", "expired"),
    "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  ],
])("%s through a proxy is told as what the proxy did", (error, message) => {
  expect(proxiedError(error, proxy, server)).toMatchObject({ message });
});

test.each([
  ["", connectionError],
  [", also through a proxy", (error: unknown) => proxiedError(error, proxy, server)],
])("the hint for an authority that isn't known names the directory of the server%s", (_, told) => {
  expect(told(failed("SELF_SIGNED_CERT_IN_CHAIN", "self-signed"), server)).toMatchObject({
    hint: "Put the authority's certificate into /etc/docker/certs.d/a.test:5000/ca.crt.",
  });
});
