import { expect, test } from "vitest";
import { parsePlatform } from "./platform.ts";
import { choose, runsOn } from "./platform-choice.ts";

test.each([
  ["linux/amd64", ["linux/amd64/v2", "linux/amd64"], "linux/amd64"],
  ["linux/amd64", ["linux/amd64/v2", "linux/amd64/v3"], undefined],
  ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"],
  ["linux/amd64/v2", ["linux/amd64/v1"], "linux/amd64/v1"],
  ["linux/amd64", ["linux/arm64", "linux/386"], "linux/386"],
  ["linux/386", ["linux/amd64"], undefined],
  ["linux/arm", ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6"], "linux/arm/v7"],
  ["linux/arm", ["linux/arm/v5", "linux/arm/v6"], "linux/arm/v6"],
  ["linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], "linux/arm/v5"],
  ["linux/arm/v8", ["linux/arm"], "linux/arm"],
  ["linux/arm64", ["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7"],
  ["linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"],
  ["linux/arm64/v8", ["linux/arm64"], "linux/arm64"],
  ["linux/arm64/v9", ["linux/arm64", "linux/arm64/v8.5"], "linux/arm64/v8.5"],
  ["linux/arm64", ["linux/arm64/v9"], undefined],
  ["linux/riscv64", ["linux/amd64"], undefined],
  ["windows/amd64", ["linux/amd64"], undefined],
])("for %s of %j it is %s", (wanted, list, chosen) => {
  expect(choose(parsePlatform(wanted), list, parsePlatform)).toBe(chosen);
});

test.skipIf(process.arch !== "x64")("this machine runs what its processor has, and nothing newer", () => {
  expect(runsOn(undefined, parsePlatform("linux/amd64"))).toBe(true);
  expect(runsOn(undefined, parsePlatform("linux/386"))).toBe(true);
  expect(runsOn(undefined, parsePlatform("linux/amd64/v5"))).toBe(false);
  expect(runsOn(undefined, parsePlatform("linux/arm64"))).toBe(false);
});
