import { expect, test } from "vitest";
import { defaultSettings } from "../host/settings.ts";
import { insecureAddress, isInsecure, serversOf } from "./servers.ts";

const texts = (domain: string, settings = {}): object => {
  const { mirrors, own } = serversOf(domain, { ...defaultSettings, ...settings });
  return { mirrors: mirrors.map(String), own: own.map(String) };
};

test("Docker Hub's registry has a name of its own, and its mirrors are asked first", () => {
  expect(texts("docker.io")).toEqual({ mirrors: [], own: ["https://registry-1.docker.io/"] });
  const mirrors = ["https://one.test", "http://two.test:5000/hub"];
  const settings = { registryMirrors: mirrors };
  expect(texts("docker.io", settings)).toMatchObject({ mirrors: ["https://one.test/", "http://two.test:5000/hub/"] });
  expect(texts("quay.test", settings)).toEqual({ mirrors: [], own: ["https://quay.test/"] });
});

test("mirrors of one registry come before those of all", () => {
  const registries = new Map([["docker.io", { mirrors: ["https://mine.test"] }]]);
  const settings = { registryMirrors: ["https://one.test"], registries };
  expect(texts("docker.io", settings)).toMatchObject({ mirrors: ["https://mine.test/"] });
  expect(texts("DOCKER.test", { registries: new Map([["docker.test", { mirrors: ["https://a.test"] }]]) })).toEqual({
    mirrors: ["https://a.test/"],
    own: ["https://docker.test/"],
  });
});

test("plain HTTP comes behind HTTPS, where it will do, and before it on this machine", () => {
  const settings = { insecureRegistries: ["a.test:5000"] };
  expect(texts("a.test:5000", settings)).toMatchObject({ own: ["https://a.test:5000/", "http://a.test:5000/"] });
  expect(texts("localhost:5000")).toMatchObject({ own: ["http://localhost:5000/", "https://localhost:5000/"] });
  expect(texts("[::1]:5000")).toMatchObject({ own: ["http://[::1]:5000/", "https://[::1]:5000/"] });
});

test.each([
  ["127.0.0.1", true],
  ["127.1.2.3:5000", true],
  ["localhost", true],
  ["registry.localhost:5000", true],
  ["[::1]:5000", true],
  ["128.0.0.1", false],
  ["127.evil.test", false],
  ["localhost.test", false],
  ["named.test:5000", true],
  ["named.test", false],
  ["10.1.2.3:5000", true],
  ["11.1.2.3:5000", false],
  ["set.test", true],
  ["127.0.0.1:6000", false],
  ["Named.TEST:5000", true],
  ["SET.test:443", true],
  ["[fd55:0::2]:5443", true],
  ["[fd55::2]:5443", true],
  ["[fd55::2]:443", false],
  ["usual.test", true],
  ["usual.test:443", true],
  ["usual.test:80", false],
])("%s is insecure: %s", (host, insecure) => {
  const registries = new Map([
    ["set.test", { insecure: true }],
    ["127.0.0.1:6000", { insecure: false }],
  ]);
  const insecureRegistries = ["named.test:5000", "10.0.0.0/8", "[fd55::2]:5443", "usual.test"];
  expect(isInsecure(host, { ...defaultSettings, registries, insecureRegistries })).toBe(insecure);
});

test("a name whose address is in an insecure network is one of that address alone", async () => {
  const settings = { ...defaultSettings, insecureRegistries: ["10.0.0.0/8"] };
  const addresses = [
    { address: "192.0.2.1", family: 4 },
    { address: "10.1.2.3", family: 4 },
  ];
  const asked: string[] = [];
  const lookup = (name: string): Promise<typeof addresses> => {
    asked.push(name);
    return Promise.resolve(addresses);
  };
  expect(await insecureAddress("a.test:5000", settings, lookup)).toEqual(addresses[1]);
  expect(await insecureAddress("a.test", { ...settings, insecureRegistries: ["11.0.0.0/8"] }, lookup)).toBeUndefined();
  expect(asked).toEqual(["a.test", "a.test"]);
  expect(await insecureAddress("docker.io", settings, lookup)).toBeUndefined();
  expect(await insecureAddress("a.test", { ...settings, insecureRegistries: ["b.test"] }, lookup)).toBeUndefined();
  const strict = { ...settings, registries: new Map([["a.test", { insecure: false }]]) };
  expect(await insecureAddress("a.test", strict, lookup)).toBeUndefined();
  expect(asked).toHaveLength(2);
  const unknown = (): Promise<never> => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
  expect(await insecureAddress("a.test", settings, unknown)).toBeUndefined();
});

test.each(["127.0.0.1:99999", "registry.test:0", "300.1.1.1:5000"])("%s is no registry's host", (domain) => {
  expect(() => serversOf(domain, defaultSettings)).toThrow(`invalid registry host "${domain}"`);
});
