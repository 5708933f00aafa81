import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { defaultSettings, readSettings } from "./settings.ts";

function fileWith(text: string): string {
  const path = join(scratchOfTest("settings"), "engine.json");
  writeFileSync(path, text);
  return path;
}

test("every key is read", () => {
  const path = fileWith(
    JSON.stringify({
      "registry-mirrors": ["https://mirror.test/", "http://127.0.0.1:5000/hub"],
      "insecure-registries": ["a.test:5000", "10.0.0.0/8"],
      "max-concurrent-downloads": 1,
      "max-concurrent-uploads": 2,
      "max-concurrent-ranges": 3,
      "max-download-attempts": 7,
      "stall-timeout": 8,
      "kept-build-steps": 0,
      proxies: { "http-proxy": "http://p:1", "https-proxy": "http://p:2", "no-proxy": "a.test" },
      builder: {
        gc: { enabled: false, defaultReservedSpace: "1GB", defaultMaxUsedSpace: "1.5 GiB", defaultMinFreeSpace: 7 },
      },
      registries: { "docker.io": { blocked: true }, "quay.test": { mirrors: ["https://m.test"], insecure: true } },
    }),
  );
  expect(readSettings(path)).toEqual({
    registryMirrors: ["https://mirror.test", "http://127.0.0.1:5000/hub"],
    insecureRegistries: ["a.test:5000", "10.0.0.0/8"],
    maxConcurrentDownloads: 1,
    maxConcurrentUploads: 2,
    maxConcurrentRanges: 3,
    maxDownloadAttempts: 7,
    stallTimeout: 8,
    keptBuildSteps: 0,
    proxies: { httpProxy: "http://p:1", httpsProxy: "http://p:2", noProxy: "a.test" },
    builder: { gc: { enabled: false, reservedSpace: 2 ** 30, maxUsedSpace: 1.5 * 2 ** 30, minFreeSpace: 7 } },
    registries: new Map([
      ["docker.io", { blocked: true }],
      ["quay.test", { mirrors: ["https://m.test"], insecure: true }],
    ]),
  });
});

test("what a file leaves out is as usual, and an empty one leaves out all", () => {
  expect(readSettings(fileWith('{"max-concurrent-downloads": 9}'))).toEqual({
    ...defaultSettings,
    maxConcurrentDownloads: 9,
  });
  expect(readSettings(fileWith(""))).toEqual(defaultSettings);
});

test("hosts are read as URLs write them", () => {
  const insecure = ["A.Test:5000", "a.test:443", "[fd55:0::2]:5443", "fd55:0::3", "fd55:0::/32", "10.0.0.0/8"];
  const registries = { "Quay.test:443": { blocked: true } };
  const path = fileWith(JSON.stringify({ "insecure-registries": insecure, registries }));
  expect(readSettings(path)).toMatchObject({
    insecureRegistries: ["a.test:5000", "a.test", "[fd55::2]:5443", "[fd55::3]", "fd55:0::/32", "10.0.0.0/8"],
    registries: new Map([["quay.test", { blocked: true }]]),
  });
});

test("the scheme of an insecure registry is taken away, and that is warned of", () => {
  const path = fileWith('{"insecure-registries": ["http://a.test:5000", "HTTPS://b.test", "http://10.0.0.0/8"]}');
  const warned: string[] = [];
  const { insecureRegistries } = readSettings(path, {}, (message) => warned.push(message));
  expect(insecureRegistries).toEqual(["a.test:5000", "b.test", "10.0.0.0/8"]);
  expect(warned).toEqual([
    "insecure registry http://a.test:5000 should not contain 'http://' and 'http://' has been removed from the insecure registry config",
    "insecure registry HTTPS://b.test should not contain 'https://' and 'https://' has been removed from the insecure registry config",
    "insecure registry http://10.0.0.0/8 should not contain 'http://' and 'http://' has been removed from the insecure registry config",
  ]);
});

test("what the build cache keeps has an older name, too", () => {
  const text = '{"builder": {"gc": {"defaultKeepStorage": "10MB"}}}';
  expect(readSettings(fileWith(text)).builder).toEqual({ gc: { reservedSpace: 10 * 2 ** 20 } });
});

test("the file is named by the environment", () => {
  const path = fileWith('{"max-download-attempts": 1}');
  expect(readSettings(undefined, { BERTH_CONFIG_FILE: path }).maxDownloadAttempts).toBe(1);
});

test("a named file must be there", () => {
  expect(() => readSettings("/nonexistent/engine.json")).toThrow(
    "open /nonexistent/engine.json: no such file or directory",
  );
  expect(() => readSettings(undefined, { BERTH_CONFIG_FILE: "/nonexistent/engine.json" })).toThrow(/no such file/);
});

test.each([
  ["{", /Expected property name/],
  ["[]", /not a JSON object/],
  ['{"storage-driver": "overlay2"}', /the following directives don't match any configuration option: storage-driver$/],
  ['{"proxies": {"ftp-proxy": "x"}}', /any configuration option: proxies\.ftp-proxy$/],
  ['{"registries": {"a.test": {"mirror": "x"}}}', /any configuration option: registries\["a\.test"\]\.mirror$/],
  ['{"registries": {"a.test": {"blocked": "yes"}}}', /registries\["a\.test"\]\.blocked: neither true nor false$/],
  ['{"builder": {"gc": {"defaultReservedSpace": "much"}}}', /builder\.gc\.defaultReservedSpace: not a size, as 20GB$/],
  ['{"builder": {"gc": {"policy": []}}}', /any configuration option: builder\.gc\.policy$/],
  ['{"registries": []}', /registries: not an object$/],
  ['{"max-download-attempts": 0}', /max-download-attempts: not a whole number of at least 1$/],
  ['{"max-concurrent-uploads": "3"}', /max-concurrent-uploads: not a whole number/],
  ['{"insecure-registries": "a"}', /insecure-registries: not a list of strings$/],
  ['{"insecure-registries": [1]}', /insecure-registries\[0\]: not a string$/],
  [
    '{"insecure-registries": ["10.55.0.2/33"]}',
    /: insecure registry 10\.55\.0\.2\/33 is not valid: invalid host "10\.55\.0\.2\/33"$/,
  ],
  [
    '{"insecure-registries": ["a.test:5000/"]}',
    /: insecure registry a\.test:5000\/ is not valid: invalid host "a\.test:5000\/"$/,
  ],
  [
    '{"insecure-registries": ["http://a.test/b"]}',
    /: insecure registry a\.test\/b is not valid: invalid host "a\.test\/b"$/,
  ],
  [
    '{"insecure-registries": ["a.test:65536"]}',
    /: insecure registry a\.test:65536 is not valid: invalid port "65536"$/,
  ],
  ['{"insecure-registries": ["ftp://a.test"]}', /: insecure registry ftp:\/\/a\.test should not contain '[:]\/\/'$/],
  ['{"insecure-registries": [""]}', /: insecure registry {2}is not valid: invalid host ""$/],
  ['{"registry-mirrors": ["mirror.test"]}', /registry-mirrors: invalid mirror: no scheme specified for "mirror\.test"/],
  ['{"registry-mirrors": ["ftp://mirror.test"]}', /invalid mirror: unsupported scheme/],
  ['{"registry-mirrors": ["https://me:pw@mirror.test"]}', /invalid mirror: username\/password not allowed in URI$/],
  ['{"registry-mirrors": ["https://mirror.test/?a"]}', /invalid mirror: query or fragment/],
])("%s is told by file and key", (text, message) => {
  const path = fileWith(text);
  expect(() => readSettings(path)).toThrow(message);
  expect(() => readSettings(path)).toThrow(path);
});
