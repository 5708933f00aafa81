import { expect, test } from "vitest";
import { defaultSettings } from "../host/settings.ts";
import { isItself, withoutItself } from "./itself.ts";
import { pageIn } from "./lists.ts";
import { rangeOf } from "./range.ts";
import { Refusal } from "./refusal.ts";
import { routeOf } from "./route.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["/v2/busybox/manifests/latest", "docker.io", "library/busybox"],
  ["/v2/library/busybox/manifests/latest", "docker.io", "library/busybox"],
  ["/v2/a/b/c/manifests/latest", "docker.io", "a/b/c"],
  ["/v2/quay.io/a/b/manifests/latest", "quay.io", "a/b"],
  ["/v2/127.0.0.1:5000/a/manifests/latest", "127.0.0.1:5000", "a"],
  ["/v2/localhost/a/manifests/latest", "localhost", "a"],
  ["/v2/[::1]:5000/a/manifests/latest", "[::1]:5000", "a"],
  ["/quay.io/v2/a/b/manifests/latest", "quay.io", "a/b"],
  ["/v2/library/busybox/manifests/latest?ns=docker.io", "docker.io", "library/busybox"],
  ["/v2/a/b/manifests/latest?ns=quay.io", "quay.io", "a/b"],
  ["/v2/a/b/manifests/latest?ns=127.0.0.1:5000", "127.0.0.1:5000", "a/b"],
  ["/v2/docker.io/busybox/manifests/latest", "docker.io", "library/busybox"],
  ["/v2/index.docker.io/busybox/manifests/latest", "docker.io", "library/busybox"],
  ["/v2/manifests/manifests/latest", "docker.io", "library/manifests"],
  ["/v2/tags/list/manifests/latest", "docker.io", "tags/list"],
])("the repository of %s is %s/%s", (url, domain, path) => {
  const expected = { kind: "manifest", name: { domain, path }, reference: { tag: "latest" } };
  const namespace = url.includes("?ns=") ? { namespace: domain } : {};
  expect(routeOf("GET", url, "docker.io")).toEqual({ ...expected, ...namespace });
});

test("a name without a host is in the upstream", () => {
  const route = routeOf("HEAD", "/v2/a/b/tags/list", "127.0.0.1:5000");
  expect(route).toMatchObject({ name: { domain: "127.0.0.1:5000", path: "a/b" } });
});

test.each([
  ["GET", "/v2/", { kind: "base" }],
  ["GET", "/v2", { kind: "base" }],
  ["HEAD", `/v2/a/b/blobs/${digest}`, { kind: "blob", digest }],
  ["GET", `/v2/a/b/blobs/${digest.replace(":", "%3A")}`, { kind: "blob", digest }],
  ["GET", `/v2/a/b/manifests/${digest}`, { kind: "manifest", reference: { digest } }],
  ["GET", "/v2/a/b/tags/list", { kind: "tags", page: { n: undefined, last: undefined } }],
  ["GET", "/v2/a/b/tags/list?n=5&last=x", { kind: "tags", page: { n: 5, last: "x" } }],
  ["GET", `/v2/a/b/referrers/${digest}`, { kind: "referrers", digest, artifactType: undefined }],
  ["GET", `/v2/a/b/referrers/${digest}?artifactType=x%2Fy`, { kind: "referrers", artifactType: "x/y" }],
])("%s %s is read", (method, url, expected) => {
  expect(routeOf(method, url, "docker.io")).toMatchObject(expected);
});

test.each([
  ["POST", "/v2/a/b/blobs/uploads/", 405, "UNSUPPORTED"],
  ["PUT", "/v2/a/b/manifests/latest", 405, "UNSUPPORTED"],
  ["DELETE", `/v2/a/b/manifests/${digest}`, 405, "UNSUPPORTED"],
  ["GET", "/", 404, "UNSUPPORTED"],
  ["GET", "/v1/_ping", 404, "UNSUPPORTED"],
  ["GET", "/v2/_catalog", 404, "UNSUPPORTED"],
  ["GET", "/v2/a/b/manifests/", 404, "UNSUPPORTED"],
  ["GET", "/v2/UPPER/case/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a//b/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a/../b/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a/%2e%2e/b/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a/b:c/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a/b@c/manifests/latest", 400, "NAME_INVALID"],
  ["GET", "/v2/a/%zz/manifests/latest", 400, "NAME_INVALID"],
  ["GET", `/v2/${"a/".repeat(200)}b/manifests/latest`, 400, "NAME_INVALID"],
  ["GET", "/v2/a/b/manifests/latest?ns=nohost", 400, "NAME_INVALID"],
  ["GET", "/v2/a/b/manifests/latest?ns=host.x/y", 400, "NAME_INVALID"],
  ["GET", "/v2/a/b/manifests/latest?ns=", 400, "NAME_INVALID"],
  ["GET", "/v2/a/b/manifests/.latest", 404, "MANIFEST_UNKNOWN"],
  ["GET", `/v2/a/b/manifests/${"t".repeat(129)}`, 404, "MANIFEST_UNKNOWN"],
  ["GET", "/v2/a/b/manifests/sha256:totallywrong", 400, "DIGEST_INVALID"],
  ["GET", "/v2/a/b/blobs/latest", 400, "DIGEST_INVALID"],
  ["GET", `/v2/a/b/blobs/${digest.toUpperCase()}`, 400, "DIGEST_INVALID"],
  ["GET", `/v2/a/b/blobs/sha512:${"a".repeat(128)}`, 400, "DIGEST_INVALID"],
  ["GET", "/v2/a/b/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"],
  ["GET", "/v2/a/b/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"],
])("%s %s is refused with %d %s", (method, url, status, code) => {
  expect(() => routeOf(method, url, "docker.io")).toThrow(Refusal);
  expect(() => routeOf(method, url, "docker.io")).toThrow(expect.objectContaining({ status, code }));
});

test.each([
  [undefined, undefined],
  ["bytes=0-", { first: 0, end: 100 }],
  ["bytes=0-0", { first: 0, end: 1 }],
  ["bytes=10-19", { first: 10, end: 20 }],
  ["Bytes=99-", { first: 99, end: 100 }],
  ["bytes=90-1000", { first: 90, end: 100 }],
  ["bytes=-10", { first: 90, end: 100 }],
  ["bytes=-1000", { first: 0, end: 100 }],
  ["bytes=100-", "unsatisfiable"],
  ["bytes=-0", "unsatisfiable"],
  ["bytes=20-10", undefined],
  ["bytes=0-1,5-6", undefined],
  ["bytes=-", undefined],
  ["lines=0-1", undefined],
])("the range %s of 100 bytes is %o", (header, expected) => {
  expect(rangeOf(header, 100)).toEqual(expected);
});

test("nothing of an empty blob is satisfiable", () => {
  expect(rangeOf("bytes=0-", 0)).toBe("unsatisfiable");
});

test.each([
  [{ n: undefined, last: undefined }, ["a", "b", "c"], false],
  [{ n: 2, last: undefined }, ["a", "b"], true],
  [{ n: 2, last: "b" }, ["c"], false],
  [{ n: 0, last: undefined }, [], true],
  [{ n: 5, last: "aa" }, ["b", "c"], false],
])("the page %o of three tags", (page, expected, hasMore) => {
  expect(pageIn(["a", "b", "c"], page)).toEqual({ page: expected, hasMore });
});

test.each([
  ["127.0.0.1:5000", true],
  ["localhost:5000", true],
  ["[::1]:5000", true],
  ["127.0.0.1:5001", false],
  ["127.0.0.1", false],
  ["docker.io", false],
  ["mirror.example:5000", false],
])("whether %s is the cache on 127.0.0.1:5000: %s", (server, expected) => {
  expect(isItself(server, { host: "127.0.0.1", port: 5000 })).toBe(expected);
});

test("a cache isn't a mirror of itself", () => {
  const settings = {
    ...defaultSettings,
    registryMirrors: ["http://127.0.0.1:5000", "https://mirror.example"],
    registries: new Map([["quay.io", { mirrors: ["http://localhost:5000/quay.io"], insecure: true }]]),
  };
  expect(withoutItself(settings, { host: "127.0.0.1", port: 5000 })).toEqual({
    ...defaultSettings,
    registryMirrors: ["https://mirror.example"],
    registries: new Map([["quay.io", { mirrors: [], insecure: true }]]),
  });
});
