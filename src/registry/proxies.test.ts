import { expect, test } from "vitest";
import { proxyFor, proxySettings } from "./proxies.ts";

const proxies = { httpProxy: "http://plain:1", httpsProxy: "http://secure:2" };

test.each([
  ["http://registry.test/", "plain:1"],
  ["https://registry.test/", "secure:2"],
  ["https://127.0.0.1:5000/", undefined],
  ["https://127.9.9.9/", undefined],
  ["https://[::1]:5000/", undefined],
  ["https://localhost:5000/", undefined],
])("%s goes through %s", (url, host) => {
  expect(proxyFor(new URL(url), proxies)?.host).toBe(host);
});

// Each as Go's httpproxy takes it.
test.each([
  ["*", "a.test", true],
  ["", "a.test", false],
  ["a.test", "a.test", true],
  ["a.test", "b.a.test", true],
  ["a.test", "ba.test", false],
  [".a.test", "a.test", false],
  [".a.test", "b.a.test", true],
  ["*.a.test", "a.test", false],
  ["*.a.test", "b.a.test", true],
  ["A.Test", "a.test", true],
  ["other , a.test", "a.test", true],
  ["a.test:5000", "a.test:5000", true],
  ["a.test:5000", "a.test", false],
  ["a.test:443", "a.test", true],
  ["10.0.0.0/8", "10.1.2.3", true],
  ["10.0.0.0/8", "11.1.2.3", false],
  ["10.1.2.3", "10.1.2.3:5000", true],
  ["10.1.2.3:5000", "10.1.2.3", false],
  ["fd00::/8", "[fd00::1]", true],
  ["[fd00::1]:5000", "[fd00::1]:5000", true],
  ["10.0.0.0/99", "10.1.2.3", false],
])("NO_PROXY=%s excludes %s: %s", (noProxy, host, excluded) => {
  expect(proxyFor(new URL(`https://${host}/`), { ...proxies, noProxy }) === undefined).toBe(excluded);
});

test("a proxy without a scheme is one of HTTP, and another kind is refused", () => {
  expect(proxyFor(new URL("https://a.test/"), { httpsProxy: "proxy:3128" })?.href).toBe("http://proxy:3128/");
  expect(() => proxyFor(new URL("https://a.test/"), { httpsProxy: "socks4://proxy" })).toThrow(
    /socks4:\/\/ is not supported/,
  );
  expect(() => proxyFor(new URL("https://a.test/"), { httpsProxy: "socks5://" })).toThrow(/invalid proxy address/);
});

test("the settings come before the environment, and the environment has two cases", () => {
  const env = { HTTP_PROXY: "env", https_proxy: "lower", NO_PROXY: "" };
  expect(proxySettings({ httpProxy: "file" }, env)).toEqual({ httpProxy: "file", httpsProxy: "lower" });
  const all = { all_proxy: "socks5://all", HTTP_PROXY: "plain" };
  expect(proxySettings({}, all)).toEqual({ httpProxy: "plain", httpsProxy: "socks5://all" });
});
