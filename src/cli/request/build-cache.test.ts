import { describe, expect, test } from "vitest";
import { cacheOptions, parseCacheFrom, parseCacheTo } from "./build-cache.ts";
import { githubPlace, s3Place } from "./cloud-cache.ts";

const form = {
  mode: "min",
  compression: "gzip",
  force: false,
  imageManifest: true,
  ociTypes: true,
  ignoreError: false,
  mounts: false,
};
const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["user/app", [{ type: "registry", ref: "user/app", insecure: false, mounts: false }]],
  [
    "user/app,127.0.0.1:5000/b:c",
    [
      { type: "registry", ref: "user/app", insecure: false, mounts: false },
      { type: "registry", ref: "127.0.0.1:5000/b:c", insecure: false, mounts: false },
    ],
  ],
  ["type=registry,ref=a,registry.insecure=true", [{ type: "registry", ref: "a", insecure: true, mounts: false }]],
  ["TYPE=local,SRC=dir,mounts=1", [{ type: "local", src: "dir", tag: "latest", mounts: true }]],
  [`"type=local","src=a,b",tag=x,digest=${digest}`, [{ type: "local", src: "a,b", tag: "x", digest, mounts: false }]],
])("--cache-from %s", (given, imports) => {
  expect(parseCacheFrom(given)).toEqual(imports);
});

test.each([
  ["user/app", [{ type: "registry", ref: "user/app", insecure: false, ...form }]],
  ["type=inline", [{ type: "inline" }]],
  [
    "type=local,dest=d,mode=max,ignore-error=true",
    [{ type: "local", dest: "d", tag: "latest", reset: false, ...form, mode: "max", ignoreError: true }],
  ],
  [
    "type=local,dest=d,compression=uncompressed,force-compression=",
    [{ type: "local", dest: "d", tag: "latest", reset: false, ...form, compression: "none", force: true }],
  ],
  [
    "type=local,dest=d,compression=zstd,compression-level=22",
    [{ type: "local", dest: "d", tag: "latest", reset: false, ...form, compression: "zstd", level: 22 }],
  ],
  [
    "type=registry,ref=a,oci-mediatypes=false",
    [{ type: "registry", ref: "a", insecure: false, ...form, ociTypes: false, imageManifest: false }],
  ],
])("--cache-to %s", (given, exports) => {
  expect(parseCacheTo(given)).toEqual(exports);
});

describe("what is refused", () => {
  test.each([
    ["type=local", "local cache importer requires src"],
    ["type=registry", "registry cache importer requires ref"],
    ["src=x", 'type required for "src=x"'],
    ["type=local,src", "invalid value src"],
    ["type=local,src=x,digest=1", 'invalid digest "1"'],
    ["type=inline", "type=registry"],
    ["type=azblob,name=x", 'unknown cache importer: "azblob"'],
    ["type=local,src=x,mode=max", "berth has no attribute mode of the cache local"],
    ["UPPER/case", "lowercase"],
  ])("as --cache-from %s", (given, message) => {
    expect(() => parseCacheFrom(given)).toThrow(message);
  });

  test.each([
    ["type=local", "local cache exporter requires dest"],
    ["type=registry", "registry cache exporter requires ref"],
    ["type=registry,ref=x,mode=all", "invalid cache export mode: all"],
    ["type=registry,ref=x,oci-mediatypes=false,image-manifest=true", "OCI mediatypes are required"],
    ["type=registry,ref=x,compression=estargz", "and not with estargz"],
    ["type=registry,ref=x,compression-level=10", "compression-level of gzip goes from 0 to 9"],
    ["type=registry,ref=x,compression-level=high", "non-integer value high specified for compression-level"],
    ["type=registry,ref=x,compression=uncompressed,compression-level=1", "compression-level has no meaning"],
    ["type=inline,compression-level=1", "berth has no attribute compression-level of the cache inline"],
    ["type=registry,ref=x,oci-mediatypes=false,compression=zstd", "zstd needs OCI media types"],
    ["type=registry,ref=x,mounts=often", "failed to parse mounts: non-bool value often"],
    ["type=inline,mode=max", "mode=min"],
    ["type=inline,ref=x", "berth has no attribute ref of the cache inline"],
  ])("as --cache-to %s", (given, message) => {
    expect(() => parseCacheTo(given)).toThrow(message);
  });
});

test("the build argument of old asks for an inline cache, and the last one counts", () => {
  const asked = (...args: readonly string[]) =>
    cacheOptions({ "cache-from": [], "cache-to": [], "build-arg": args }).inlineCache;
  expect(asked("BUILDKIT_INLINE_CACHE=1")).toBe(true);
  expect(asked("BUILDKIT_INLINE_CACHE=1", "BUILDKIT_INLINE_CACHE=0")).toBeUndefined();
  expect(asked()).toBeUndefined();
});

const takeOf = (given: Readonly<Record<string, string>>) => (name: string) => given[name];

test("an object store is said by attributes, and else by the environment", () => {
  const env = { AWS_BUCKET: "b", AWS_REGION: "r", AWS_ACCESS_KEY_ID: "k", AWS_SECRET_ACCESS_KEY: "s" };
  expect(s3Place(takeOf({ name: "one;two", touch_refresh: "2h", bucket: "c" }), env)).toEqual({
    type: "s3",
    bucket: "c",
    region: "r",
    accessKeyID: "k",
    secretAccessKey: "s",
    prefix: "",
    manifestsPrefix: "manifests/",
    blobsPrefix: "blobs/",
    names: ["one", "two"],
    touchRefresh: 7_200_000,
    usePathStyle: false,
    parallelism: 4,
  });
  expect(() => s3Place(takeOf({}), {})).toThrow("bucket ($AWS_BUCKET) not set for s3 cache");
  expect(() => s3Place(takeOf({ upload_parallelism: "0" }), env)).toThrow(
    "upload_parallelism must be a positive integer",
  );
  expect(() => s3Place(takeOf({ endpoint_url: "ftp://x" }), env)).toThrow("no URL of a server");
});

test("GitHub's cache is said by attributes, and else by the environment", () => {
  const env = { ACTIONS_RUNTIME_TOKEN: "t", ACTIONS_RESULTS_URL: "https://results.test/" };
  expect(githubPlace(takeOf({}), env)).toEqual({
    type: "gha",
    scope: "buildkit",
    url: "https://results.test/",
    token: "t",
  });
  expect(githubPlace(takeOf({ url: "http://a.test", scope: "x", token: "u" }), env)).toMatchObject({
    url: "http://a.test",
    token: "u",
  });
  expect(() => githubPlace(takeOf({}), {})).toThrow("token not set for github actions cache");
  expect(() => githubPlace(takeOf({ token: "t" }), {})).toThrow("url not set for github actions cache");
  expect(() => githubPlace(takeOf({ version: "1" }), env)).toThrow("and not 1");
});
