import { describe, expect, test } from "vitest";
import { domainOf, findKey, helperName, keysToErase, storedAuth, withAuth } from "./auth-file.ts";

const hub = "https://index.docker.io/v1/";
const auth = (text: string): string => Buffer.from(text).toString("base64");

test.each([
  ["docker.io", "docker.io"],
  ["https://index.docker.io/v1/", "docker.io"],
  ["registry-1.docker.io", "docker.io"],
  ["quay.io", "quay.io"],
  ["http://localhost:5000/v2/", "localhost:5000"],
  ["https://[::1]:5000", "[::1]:5000"],
])("the server %s is the registry %s", (server, domain) => {
  expect(domainOf(server)).toBe(domain);
});

describe("the key of a table that is for a repository", () => {
  test.each([
    ["its own", ["quay.io", "https://quay.io"], "quay.io", undefined, "quay.io"],
    ["a URL of it", ["https://quay.io/v1/"], "quay.io", undefined, "https://quay.io/v1/"],
    ["of another port none", ["quay.io:443"], "quay.io", undefined, undefined],
    ["of a longer name none", ["quay.io.example.com"], "quay.io", undefined, undefined],
    ["Docker Hub's", ["docker.io", hub], "docker.io", undefined, hub],
    ["Docker Hub's under another name", ["index.docker.io"], "docker.io", undefined, "index.docker.io"],
    [
      "of a repository, as Docker's client sees it: its host's",
      ["quay.io/team"],
      "quay.io",
      "other/app",
      "quay.io/team",
    ],
    ["nothing that objects have by themselves", [], "constructor", undefined, undefined],
  ])("in config.json: %s", (_, keys, domain, path, found) => {
    const table = Object.fromEntries(keys.map((key) => [key, {}]));
    expect(findKey(table, { domain, ...(path === undefined ? {} : { path }) }, "docker")).toBe(found);
  });

  test.each([
    ["the most specific", ["quay.io", "quay.io/team", "quay.io/team/app"], "team/app", "quay.io/team/app"],
    ["one above it", ["quay.io", "quay.io/team"], "team/app", "quay.io/team"],
    ["its host's", ["quay.io", "quay.io/team"], "teams/app", "quay.io"],
    ["not that of another repository", ["quay.io/team"], "other/app", undefined],
    ["a URL of its host", ["https://quay.io/v2/"], "team/app", "https://quay.io/v2/"],
  ])("in auth.json: %s", (_, keys, path, found) => {
    const table = Object.fromEntries(keys.map((key) => [key, {}]));
    expect(findKey(table, { domain: "quay.io", path }, "containers")).toBe(found);
  });

  test("in auth.json: Docker Hub's repositories", () => {
    const table = { "docker.io/library": {}, "docker.io": {} };
    expect(findKey(table, { domain: "docker.io", path: "library/debian" }, "containers")).toBe("docker.io/library");
    expect(findKey(table, { domain: "docker.io", path: "me/app" }, "containers")).toBe("docker.io");
  });
});

describe("what an entry says", () => {
  test.each([
    [{ auth: auth("me:se:cret") }, { username: "me", password: "se:cret" }],
    [{ auth: auth("me:secret\0\0") }, { username: "me", password: "secret" }],
    [{ auth: auth("mé:sécret") }, { username: "mé", password: "sécret" }],
    [
      { username: "me", password: "secret" },
      { username: "me", password: "secret" },
    ],
    [
      { auth: auth("me:"), identitytoken: "token" },
      { username: "me", identityToken: "token" },
    ],
    [{ registrytoken: "token" }, { registryToken: "token" }],
    [{}, undefined],
    [{ auth: "", password: "" }, undefined],
  ])("%j", (entry, stored) => {
    expect(storedAuth({ auths: { host: entry } }, { domain: "host" }, "docker")).toEqual(stored);
  });

  test.each([
    [{ auth: "c2VjcmV0" }, 'auths["host"]: auth is not the base64 form of USER:PASSWORD'],
    [{ auth: "!secret" }, 'auths["host"]: auth is not the base64 form of USER:PASSWORD'],
    [{ auth: auth(":secret") }, 'auths["host"]: auth is not the base64 form of USER:PASSWORD'],
    [{ auth: 3 }, 'auths["host"]: auth is not a string'],
    ["secret", 'auths["host"]: not an object'],
  ])("%j is refused, and not quoted", (entry, message) => {
    expect(() => storedAuth({ auths: { host: entry, other: 1 } }, { domain: "host" }, "docker")).toThrow(message);
  });
});

test("a registry has the helper that is named for it, or else that of all", () => {
  const file = { credHelpers: { "quay.io": "one", [hub]: "hub" }, credsStore: "all" };
  expect(helperName(file, { domain: "quay.io" }, "docker")).toBe("one");
  expect(helperName(file, { domain: "docker.io" }, "docker")).toBe("hub");
  expect(helperName(file, { domain: "ghcr.io" }, "docker")).toBe("all");
  expect(helperName(file, { domain: "ghcr.io" }, "containers")).toBeUndefined();
  expect(helperName({}, { domain: "ghcr.io" }, "docker")).toBeUndefined();
});

test("what is stored is found again, beside what was there", () => {
  const before = { psFormat: "x", auths: { other: { auth: auth("a:b"), email: "e" } }, more: { b: 1, a: [2] } };
  const stored = { username: "me", password: "pä:ss\nwörd" };
  const after = withAuth(before, "host", stored);
  expect(storedAuth(after, { domain: "host" }, "docker")).toEqual(stored);
  expect(withAuth(after, "host", undefined)).toEqual(before);
  expect(withAuth({ psFormat: "x" }, "host", undefined)).toEqual({ psFormat: "x" });
});

test("what other versions of Docker's client stored is erased too", () => {
  expect(keysToErase("quay.io")).toEqual(["quay.io", "http://quay.io", "https://quay.io"]);
  expect(keysToErase("docker.io")).toContain(hub);
  expect(keysToErase("docker.io")).toContain("docker.io");
});

test("credentials that are stored again leave the file as it was, also where others came meanwhile", () => {
  const auth = { username: "me", password: "secret" };
  const both = withAuth(withAuth({}, "one.test", auth), "two.test", auth);
  expect(JSON.stringify(withAuth(both, "one.test", auth))).toBe(JSON.stringify(both));
});
