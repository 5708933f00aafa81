import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const megabyte = 1 << 20;

/** A build that leaves a layer of a megabyte, and one of a kilobyte on it. */
async function build(name: string, settings?: object) {
  const Dockerfile = `FROM busybox\nRUN head -c ${megabyte} /dev/urandom > /${name}\nRUN head -c 1000 /dev/zero > /small\n`;
  const context = await berth.files(name, { Dockerfile });
  const file = join(berth.directory, `${name}.json`);
  if (settings !== undefined)
    writeFileSync(file, JSON.stringify({ registries: { "docker.io": { blocked: true } }, ...settings }));
  const env = settings === undefined ? {} : { BERTH_CONFIG_FILE: file };
  return await berth.out(["build", "-q", "--network", "none", "-o", "type=cacheonly", context], { env });
}

interface Record {
  readonly ID: string;
  readonly Description: string;
  readonly Type: string;
}

async function records(...filters: readonly string[]): Promise<readonly Record[]> {
  const lines = await berth.out([
    "builder",
    "du",
    "--format",
    "json",
    ...filters.flatMap((each) => ["--filter", each]),
  ]);
  return lines.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

const descriptions = async () => (await records()).map(({ Description }) => Description);
const prune = (...args: readonly string[]) => berth.out(["builder", "prune", "-f", ...args]);

describe("what the build cache takes", () => {
  test("is listed with a summary, which filters leave out", async () => {
    await prune();
    await build("listed");
    const table = await berth.out(["builder", "du"]);
    expect(table).toMatch(/^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n/);
    expect(table).toMatch(/\nReclaimable:\t1\.05MB\nTotal:\t\t1\.05MB$/);
    const [big] = await records("description~=/listed");
    expect(big).toMatchObject({ Type: "regular", Size: "1.049MB", Shared: "false", Mutable: "false" });
    expect(await records(`id=${big?.ID.slice(7, 30)}`)).toMatchObject([{ ID: big?.ID }]);
    expect(await records("shared=true")).toEqual([]);
    expect((await records("type!=exec.cachemount")).length).toBe((await records()).length);
    expect(await berth.out(["builder", "du", "--filter", "until=1h"])).not.toContain("Total");
    expect(await berth.out(["builder", "du", "--verbose"])).toContain(`ID:           ${big?.ID}\nCreated at:   `);
    const { code, stderr } = await berth.run(["builder", "du", "--filter", "colour=red"]);
    expect(stderr).toContain("invalid filter 'colour'");
    expect(code).not.toBe(0);
  });
});

describe("builder prune", () => {
  test("removes what was used longest ago, until no more is kept than is asked for", async () => {
    await prune();
    for (const name of ["one", "two", "three"]) await build(name);
    // `one` is used once more.
    await build("one");
    expect(await prune("--verbose", "--max-used-space", "2500k")).toMatch(
      /^ID: +\S+\n[\s\S]*\nSize: +1\.049MB\n[\s\S]*\n\nTotal reclaimed space: 1\.05MB$/,
    );
    const left = await descriptions();
    expect(left).toContainEqual(expect.stringContaining("/one"));
    expect(left).toContainEqual(expect.stringContaining("/three"));
    expect(left).not.toContainEqual(expect.stringContaining("/two"));
    expect(await prune("--verbose", "--keep-storage", "2500k")).toBe("Total reclaimed space: 0B");
    await prune("--reserved-space", "1500k", "--max-used-space", "1k");
    expect(await descriptions()).toContainEqual(expect.stringContaining("/one"));
    expect(await descriptions()).not.toContainEqual(expect.stringContaining("/three"));
    expect(await berth.out(["system", "check"])).toContain("Everything is as it should be.");
  });

  test("removes what its filters fit", async () => {
    await prune();
    for (const name of ["four", "five"]) await build(name);
    expect(await prune("--filter", "until=24h")).toContain("Total reclaimed space: 0B");
    await prune("--filter", "description~=/four");
    expect(await descriptions()).not.toContainEqual(expect.stringContaining("/four"));
    expect(await descriptions()).toContainEqual(expect.stringContaining("/five"));
    await prune("--filter", "until=0s");
    expect(await records()).toEqual([]);
  });

  test("removes cache mounts by their last use", async () => {
    await prune();
    const Dockerfile = `FROM busybox\nRUN --mount=type=cache,target=/c head -c ${megabyte} /dev/urandom > /c/file\n`;
    const context = await berth.files("mount", { Dockerfile });
    await berth.out(["build", "-q", "--network", "none", "-o", "type=cacheonly", context]);
    expect(await records("type=exec.cachemount")).toMatchObject([{ Size: "1.049MB", Mutable: "true" }]);
    expect(await prune("--filter", "type=regular")).toContain("Total reclaimed space:");
    expect(await records("type=exec.cachemount")).toHaveLength(1);
    expect(await prune("--filter", "type=exec.cachemount")).toContain("1.049MB");
    const directory = join(berth.directory, "root", "build-cache");
    expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
  });
});

describe("a budget", () => {
  const limited = { builder: { gc: { defaultMaxUsedSpace: "1500kB" } } };

  test("bounds the cache after each build", async () => {
    await prune();
    await build("six", limited);
    await build("seven", limited);
    const left = await descriptions();
    expect(left).toContainEqual(expect.stringContaining("/seven"));
    expect(left).not.toContainEqual(expect.stringContaining("/six"));
  });

  test("bounds nothing where it is turned off, or roomy as it is by itself", async () => {
    await prune();
    await build("eight", { builder: { gc: { enabled: false, defaultMaxUsedSpace: "1kB" } } });
    await build("nine");
    const left = await descriptions();
    expect(left).toContainEqual(expect.stringContaining("/eight"));
    expect(left).toContainEqual(expect.stringContaining("/nine"));
  });

  test("takes nothing from a build that runs", async () => {
    await prune();
    await build("ten");
    await using other = await running();
    await build("eleven", limited);
    expect(await descriptions()).toContainEqual(expect.stringContaining("/ten"));
    await other.end();
    await build("eleven", limited);
    expect(await descriptions()).not.toContainEqual(expect.stringContaining("/ten"));
  });
});

/** A build whose step waits for a file of a cache mount. */
async function running() {
  const Dockerfile =
    "FROM busybox\nRUN --mount=type=cache,id=gate,target=/g echo begun > /g/begun; until [ -e /g/end ]; do usleep 10000; done; rm /g/*\n";
  const context = await berth.files("running", { Dockerfile });
  const child = berth.start(["build", "-q", "--network", "none", "-o", "type=cacheonly", context]);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const caches = join(berth.directory, "root", "build-cache");
  const gate = await eventually(async () => {
    const names = existsSync(caches) ? readdirSync(caches) : [];
    return names.map((name) => join(caches, name)).find((path) => existsSync(join(path, "begun")));
  });
  const end = async () => {
    if (existsSync(gate)) writeFileSync(join(gate, "end"), "");
    await ended;
  };
  return { end, [Symbol.asyncDispose]: end };
}
