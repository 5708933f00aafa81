import { randomUUID } from "node:crypto";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../src/oci/digest.ts";
import { type Berth, openBerth } from "../support/berth.ts";
import {
  buildIn,
  type CachedBuilds,
  cachedDockerfile as Dockerfile,
  idOf,
  openCachedBuilds,
} from "../support/cached-build.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

let owned: AsyncDisposableStack;
let registry: Registry;
let builds: CachedBuilds;
let first: Berth;
beforeAll(async () => {
  owned = new AsyncDisposableStack();
  registry = owned.use(await openRegistry());
  builds = owned.use(await openCachedBuilds());
  first = builds.first;
});
afterAll(() => owned.disposeAsync());

const another = () => builds.another();
const place = () => builds.place();
const newName = () => `${registry.host}/cache/${randomUUID()}`;
const build = (berth: Berth, args: readonly string[], context = builds.context) => buildIn(berth, args, { context });

/** Blobs that were asked for since `from`. */
function blobsRead(from: number): readonly string[] {
  return registry
    .requests()
    .slice(from)
    .flatMap((line) => /^GET \S+\/blobs\/(\S+) 200$/.exec(line)?.[1] ?? []);
}

describe.each(["max", "min"])("a cache at a registry, mode=%s", (mode) => {
  test("lets another store have the same image with no step run, and fetches no more than that needs", async () => {
    const ref = newName();
    expect(await build(first, ["-t", "app", "--cache-to", `type=registry,ref=${ref},mode=${mode}`])).toMatchObject({
      code: 0,
    });
    await using second = await another();
    const before = registry.requests().length;
    const { stderr, ran, cached } = await build(second, ["-t", "app", "--cache-from", ref]);
    expect(ran).toEqual([]);
    expect(cached).toHaveLength(6);
    expect(await idOf(second, "app"), stderr).toBe(await idOf(first, "app"));
    // The config, and the two layers of the image that aren't the base's.
    expect(blobsRead(before)).toHaveLength(3);
    expect(await second.out(["system", "check"])).toContain("Everything is as it should be.");
    // What came is a record of the store now.
    expect(await build(second, ["-t", "app"])).toMatchObject({
      code: 0,
      ran: expect.not.arrayContaining([expect.stringContaining("stamp")]),
    });
  });

  test("lets a change run what depends on it, and nothing else", async () => {
    const ref = newName();
    await build(first, ["-t", "app", "--cache-to", `type=registry,ref=${ref},mode=${mode}`]);
    await using second = await another();
    const changed = await second.files("changed", { Dockerfile, input: "two\n" });
    const { code, stderr, ran } = await build(second, ["-t", "app", "--cache-from", ref], changed);
    expect(code, stderr).toBe(0);
    expect(ran).not.toContainEqual(expect.stringContaining("stamp"));
    expect(stderr).toMatch(/CACHED/);
    expect(await second.out(["run", "--rm", "--network", "none", "app"])).toMatch(/^two\n/);
    const stamp = ["run", "--rm", "--network", "none", "app", "cat", "/stamp"];
    expect(await second.out(stamp)).toBe(await first.out(stamp));
    expect(await second.out(["system", "check"])).toContain("Everything is as it should be.");
  });
});

test("a cache that was read and is written to the same place uploads nothing that is there", async () => {
  const ref = newName();
  await build(first, ["-t", "app", "--cache-to", `type=registry,ref=${ref},mode=max`]);
  await using second = await another();
  const before = registry.requests().length;
  const { code, stderr } = await build(second, [
    "--cache-from",
    ref,
    "--cache-to",
    `type=registry,ref=${ref},mode=max`,
  ]);
  expect(code, stderr).toBe(0);
  const uploads = registry
    .requests()
    .slice(before)
    .filter((line) => line.startsWith("PUT ") && line.includes("/blobs/"));
  expect(uploads.length).toBeLessThanOrEqual(1);
  // All layers are still in it, also those that never came here.
  await using third = await another();
  expect(await build(third, ["-t", "app", "--cache-from", ref])).toMatchObject({ code: 0, ran: [] });
});

test("a base image is pulled when a step needs it, and not where a cache has all", async () => {
  const base = newName();
  await first.out(["tag", "busybox", base]);
  await first.out(["push", base]);
  const Other = Dockerfile.replaceAll("FROM busybox", `FROM ${base}`);
  const context = await first.files("pulled", { Dockerfile: Other, input: "one\n" });
  const ref = newName();
  await build(first, ["-t", "pulled", "--cache-to", `type=registry,ref=${ref},mode=max`], context);
  await using second = openBerth();
  const before = registry.requests().length;
  const onlyCache = ["-o", "type=cacheonly", "--cache-from", ref];
  expect(await build(second, onlyCache, context)).toMatchObject({ code: 0, ran: [] });
  // Two configs: nobody looks into a layer.
  expect(blobsRead(before)).toHaveLength(2);
  expect(await build(second, ["--no-cache", ...onlyCache], context)).toMatchObject({ code: 0, cached: [] });
  await using third = openBerth();
  const { ran, stderr } = await build(third, ["-t", "pulled", "--cache-from", ref], context);
  expect(ran, stderr).toEqual([]);
  expect(await idOf(third, "pulled")).toBe(await idOf(first, "pulled"));
});

describe("a cache in an image", () => {
  test.each([
    ["--cache-to", "type=inline"],
    ["--build-arg", "BUILDKIT_INLINE_CACHE=1"],
  ])("goes with its config: %s %s", async (...asked) => {
    const ref = newName();
    expect(await build(first, ["--push", "-t", ref, ...asked])).toMatchObject({ code: 0 });
    await using second = await another();
    const { ran, stderr } = await build(second, ["-t", "app", ...asked, "--cache-from", `type=registry,ref=${ref}`]);
    expect(ran, stderr).toEqual([]);
    expect(await idOf(second, "app")).toBe(await idOf(first, ref));
  });

  test("needs an image, and is left out with a warning where none is made", async () => {
    const { code, stderr } = await build(first, ["-o", "type=cacheonly", "--cache-to", "type=inline"]);
    expect(stderr).toContain("WARNING: no image was made that an inline cache could be in");
    expect(code).toBe(0);
  });

  test("is read from the store, too, and an image without one is no reason to warn", async () => {
    const ref = newName();
    await build(first, ["--push", "-t", ref, "--cache-to", "type=inline"]);
    const plain = newName();
    await build(first, ["--push", "-t", plain]);
    await using second = await another();
    await second.out(["pull", ref]);
    const { ran, stderr } = await build(second, ["-t", "app", "--cache-from", `${plain},${ref}`]);
    expect(ran, stderr).toEqual([]);
    expect(stderr).not.toContain("WARNING");
  });
});

describe("what fails", () => {
  test("is a warning where a cache is read", async () => {
    const from = [`type=registry,ref=${newName()}`, `type=local,src=${place()}`, "127.0.0.1:1/nobody"];
    const { code, stderr } = await build(
      first,
      from.flatMap((each) => ["--cache-from", each]),
    );
    expect(code, stderr).toBe(0);
    expect(stderr.match(/^WARNING: failed to import the cache /gm)).toHaveLength(3);
  });

  test("is an error where a cache is written, unless errors are ignored", async () => {
    const to = "type=registry,ref=127.0.0.1:1/nobody";
    expect(await build(first, ["--cache-to", to])).toMatchObject({ code: 1 });
    const { code, stderr } = await build(first, ["--cache-to", `${to},ignore-error=true`]);
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("WARNING: exporting cache to registry failed: ");
  });

  test("is a config that runs in a circle, or a list that is cut off", async () => {
    const dest = place();
    await build(first, ["--cache-to", `type=local,dest=${dest},mode=max`]);
    const read = (digest: string) => JSON.parse(readFileSync(join(dest, "blobs/sha256", digest.slice(7)), "utf8"));
    const write = (value: object) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const digest = digestOf(bytes);
      writeFileSync(join(dest, "blobs/sha256", digest.slice(7)), bytes);
      return { digest, size: bytes.length };
    };
    const list = JSON.parse(readFileSync(join(dest, "index.json"), "utf8"));
    const [entry] = list.manifests;
    const manifest = read(entry.digest);
    const config = read(manifest.config.digest);
    config.records[0].inputs = [[{ link: 1 }]];
    config.records[1].inputs = [[{ link: 0 }]];
    const hostile = write({ ...manifest, config: { ...manifest.config, ...write(config) } });
    writeFileSync(join(dest, "index.json"), JSON.stringify({ ...list, manifests: [{ ...entry, ...hostile }] }));
    const circle = await build(first, ["--cache-from", `type=local,src=${dest}`]);
    expect(circle.code).toBe(0);
    expect(circle.stderr).toContain("invalid cache config: it runs in a circle");
    truncateSync(join(dest, "index.json"), 10);
    const cut = await build(first, ["--cache-from", `type=local,src=${dest}`]);
    expect(cut.code).toBe(0);
    expect(cut.stderr).toContain("WARNING: failed to import the cache ");
  });

  test("is a flag that says something else than it may", async () => {
    const { code, stderr } = await build(first, ["--cache-to", "type=local,dest=x,color=red"]);
    expect(stderr).toContain("berth has no attribute color of the cache local");
    expect(code).toBe(1);
  });
});
