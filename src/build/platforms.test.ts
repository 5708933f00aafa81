import { expect, test } from "vitest";
import { hostPlatform, platformsText, platformText } from "../oci/platform.ts";
import { askedPlatforms } from "./platforms.ts";

test.each([
  ["", "[]"],
  ["linux/amd64", "[linux/amd64]"],
  ["linux/amd64,linux/arm64/v8, arm64", "[linux/amd64 linux/arm64]"],
  [
    "linux/arm,linux/arm/v6,aarch64,linux/amd64/v1,linux/amd64/v3",
    "[linux/arm/v7 linux/arm/v6 linux/arm64 linux/amd64 linux/amd64/v3]",
  ],
  ["linux/s390x,windows/amd64", "[linux/s390x windows/amd64]"],
  [`local,${platformText(hostPlatform)}`, `[${platformText(hostPlatform)}]`],
])("the platforms %s are %s", (text, expected) => {
  expect(platformsText(askedPlatforms(text))).toBe(expected);
});

test("what is no platform is refused", () => {
  expect(() => askedPlatforms("linux/amd64,lin ux")).toThrow("platform specifier component must match");
  expect(() => askedPlatforms("linux/amd64,")).toThrow("platform specifier");
});
