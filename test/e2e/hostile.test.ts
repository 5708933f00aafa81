import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { archive, base256, entry, raw } from "../hostile/make.ts";
import { openBerth } from "../support/berth.ts";

test.each([
  ["import", archive(entry("../../evil", "file", "x")), /"\.\.\/\.\.\/evil" is outside of the root of the archive/],
  ["import", archive(raw({ name: "lies", size: base256(2n ** 50n) })), /no space left on device: "lies"/],
  ["import", archive(entry("a", "file", "x")).subarray(0, 513), /unexpected EOF in "a"/],
  ["load", archive(entry("manifest.json", "file", "[".repeat(100_000))), /failed to decode manifest\.json/],
] as const)("%s refuses what is hostile in one sentence: %#", async (verb, bytes, message) => {
  await using berth = openBerth();
  writeFileSync(join(berth.directory, "hostile.tar"), bytes);
  const { code, stderr } = await berth.run(verb === "load" ? ["load", "-i", "hostile.tar"] : [verb, "-"], {
    input: bytes,
  });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n +at /);
  expect(code).toBe(1);
  expect(existsSync(join(berth.directory, "evil"))).toBe(false);
  expect(await berth.out(["image", "ls", "-q"])).toBe("");
  expect((await berth.run(["system", "check"])).code).toBe(0);
});

test("ADD refuses an archive that leaves its destination, and a build leaves nothing", async () => {
  await using berth = openBerth();
  const context = await berth.files("context", { Dockerfile: "FROM scratch\nADD hostile.tar /a/\n" });
  writeFileSync(join(context, "hostile.tar"), archive(entry("../evil", "file", "x")));
  const { code, stderr } = await berth.run(["build", context]);
  expect(stderr).toMatch(/"\.\.\/evil" is outside of the root of the archive/);
  expect(code).toBe(1);
  expect(await berth.out(["image", "ls", "-q"])).toBe("");
  expect((await berth.run(["system", "check"])).code).toBe(0);
});

test("create makes nothing outside of the store for a volume that an image has elsewhere", async () => {
  await using berth = openBerth();
  const outside = join(berth.directory, "outside");
  const change = ["-c", `VOLUME ${"/..".repeat(20)}${outside}/data`];
  await berth.run(["import", ...change, "-", "odd"], { input: archive(entry("a", "file", "x")) });
  await berth.out(["create", "--name", "odd", "odd", "/a"]);
  expect(existsSync(outside)).toBe(false);
  expect(await berth.out(["inspect", "-f", "{{(index .Mounts 0).Destination}}", "odd"])).toBe(`${outside}/data`);
});
