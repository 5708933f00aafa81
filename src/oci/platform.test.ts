import { expect, test } from "vitest";
import { bestFor, hostPlatform, matchesPlatform, parsePlatform, platformText } from "./platform.ts";

test.each([
  ["linux/amd64", "linux/amd64"],
  ["Linux/x86_64", "linux/amd64"],
  ["aarch64", "linux/arm64"],
  ["linux/arm/v7", "linux/arm/v7"],
  ["linux", `linux/${hostPlatform.architecture}`],
])("%s is %s", (text, shown) => {
  expect(platformText(parsePlatform(text))).toBe(shown);
});

test.each([
  ["x", '"x": unknown operating system or architecture'],
  ["", '"" is an invalid component of ""'],
  ["linux/a b", '"a b" is an invalid component of "linux/a b"'],
  ["a/b/c/d", /^"a\/b\/c\/d": cannot parse platform specifier: invalid argument$/],
])("%j is no platform", (text, message) => {
  expect(() => parsePlatform(text)).toThrow(message);
});

test("a variant counts where both say one", () => {
  const arm = parsePlatform("linux/arm");
  expect(matchesPlatform(parsePlatform("linux/arm/v7"), arm)).toBe(true);
  expect(matchesPlatform(parsePlatform("linux/arm/v7"), parsePlatform("linux/arm/v6"))).toBe(false);
  expect(matchesPlatform(parsePlatform("linux/arm64"), arm)).toBe(false);
});

test.each([
  ["linux/arm", ["linux/arm/v5", "linux/arm/v7"], "linux/arm/v7"],
  ["linux/arm", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v5"],
  ["linux/arm/v6", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v6"],
  ["linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"],
  ["linux/arm64", ["linux/amd64", "linux/arm64/v8"], "linux/arm64/v8"],
  ["linux/arm64", ["linux/amd64", "linux/arm/v7"], undefined],
])("for %s the best of %j is %s", (wanted, list, best) => {
  expect(bestFor(parsePlatform(wanted), list, parsePlatform)).toBe(best);
});
