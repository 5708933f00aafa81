import { chmodSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { type FaultyProxy, openFaultyProxy } from "../support/faulty-proxy.ts";
import { baseArchives } from "../support/images.ts";
import { writeMultiPlatform } from "../support/multi-platform.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { openRegistry, type Registry } from "../support/registry.ts";
import { imageAt, type RegistryImage } from "../support/registry-image.ts";

// Nobody else gets the port of a registry that is gone.
enterPrivateNetwork();

let registry: Registry;
let proxy: FaultyProxy;
let berth: Berth;
let image: RegistryImage;
beforeEach(async () => {
  registry = await openRegistry();
  proxy = await openFaultyProxy(registry.host);
  berth = openBerth();
});
afterEach(async () => {
  await berth[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const nameOf = (path: string): string => `${proxy.host}/${path}:1`;
const root = (): string => berth.env["BERTH_ROOT"] ?? "";
const blobPath = (digest: string): string => join(root(), "blobs/sha256", digest.replace("sha256:", ""));

/** Make the image of a berth of its own that has all that the tests look at, and push it. */
async function push(berth: Berth): Promise<void> {
  const Dockerfile = "FROM busybox\nCOPY text /text\nCMD cat /text\n";
  await berth.out([
    "build",
    "-q",
    "-t",
    nameOf("healed"),
    await berth.files("context", { Dockerfile, text: "a text\n" }),
  ]);
  await berth.out(["push", "-q", nameOf("healed")]);
  image = await imageAt(`${registry.url}/v2/healed`, "1");
}

/** Pull the image, and forget what that asked the registry. */
async function pull(): Promise<void> {
  await using other = await openBerthWithBusybox();
  await push(other);
  await berth.out(["pull", "-q", nameOf("healed")]);
  proxy.behave();
}

/** The directory of the layer that has `/text`. */
function layer(): string {
  using db = openDatabase();
  return join(root(), "layers", String(db.prepare("SELECT max(id) AS id FROM layer").get()?.["id"]));
}

function openDatabase(): DatabaseSync {
  return new DatabaseSync(join(root(), "metadata.db"));
}

/** Change a file in a way that no single bit accounts for. */
function spoil(path: string): void {
  const bytes = readFileSync(path);
  bytes[1] = (bytes[1] ?? 0) ^ 0xff;
  writeFileSync(path, bytes);
}

/** The blobs that the registry was asked for, and the bytes that it sent of each. */
const fetched = (): readonly (readonly [string, number])[] =>
  proxy.exchanges
    .filter(({ method, path }) => method === "GET" && path.includes("/blobs/"))
    .map(({ path, received }) => [path.split("/").at(-1) ?? "", received]);

/** The store has something wrong, and finding that out asks nobody. */
async function expectDamaged(invariant: string): Promise<void> {
  const { code, stdout } = await berth.run(["system", "check"]);
  expect(stdout).toContain(`${invariant} wrong: `);
  expect(code).toBe(1);
  expect(proxy.exchanges).toEqual([]);
}

/** It is mended, nothing is wrong then, and the image says what it did. */
async function expectMended(): Promise<void> {
  const { code, stdout } = await berth.run(["system", "check", "--repair"]);
  expect(stdout).toContain("Everything is as it should be.");
  expect(code).toBe(0);
  expect(await berth.out(["system", "check"])).toContain("Everything is as it should be.");
  expect(await berth.out(["run", "--rm", "--network", "none", nameOf("healed")])).toBe("a text");
}

describe("a blob that a pull keeps", () => {
  beforeEach(pull);

  test.each<readonly [string, (path: string) => void]>([
    ["has another byte", spoil],
    ["is cut", (path) => truncateSync(path, 20)],
    ["is missing", (path) => rmSync(path)],
  ])("that %s is fetched again, that one alone", async (_, damage) => {
    const [, , kept] = image.blobs;
    damage(blobPath(kept?.digest ?? ""));
    await expectDamaged("B1");
    await expectMended();
    expect(fetched()).toEqual([[kept?.digest, kept?.size]]);
  });

  test("stays as it is where the registry sends other bytes", async () => {
    const [, , kept] = image.blobs;
    const path = blobPath(kept?.digest ?? "");
    spoil(path);
    const damaged = readFileSync(path);
    proxy.behave({ seed: "other bytes", share: 1, kinds: ["corrupt"] });
    const { code, stdout } = await berth.run(["system", "check", "--repair"]);
    expect(code).toBe(1);
    expect(stdout).toContain(`It can't be fetched again: ${proxy.host}/healed: `);
    expect(readFileSync(path).equals(damaged)).toBe(true);
    proxy.behave();
    await expectMended();
  });

  test("comes from the registry where its mirror sends other bytes", async () => {
    const [, , kept] = image.blobs;
    spoil(blobPath(kept?.digest ?? ""));
    await using mirror = await openFaultyProxy(registry.host);
    mirror.behave({ seed: "other bytes", share: 1, kinds: ["corrupt"] });
    const path = join(berth.directory, "mirrored.json");
    writeFileSync(path, JSON.stringify({ registries: { [proxy.host]: { mirrors: [`http://${mirror.host}`] } } }));
    await berth.out(["system", "check", "--repair"], { env: { BERTH_CONFIG_FILE: path } });
    expect(mirror.exchanges.filter(({ path: asked }) => asked.includes("/blobs/"))).not.toEqual([]);
    expect(fetched()).toEqual([[kept?.digest, kept?.size]]);
    await berth.out(["system", "check"]);
  });

  test("makes the files of its layer again, and nobody is asked", async () => {
    spoil(join(layer(), "text"));
    rmSync(`${layer()}.recipe`);
    await expectDamaged("L3");
    await expectMended();
    expect(fetched()).toEqual([]);
  });

  test("makes the recipe of its layer again, or all of its directory", async () => {
    spoil(`${layer()}.recipe`);
    await expectDamaged("L4");
    await expectMended();
    rmSync(layer(), { recursive: true });
    await expectDamaged("L2");
    await expectMended();
    rmSync(`${layer()}.manifest`);
    spoil(join(layer(), "text"));
    await expectDamaged("L3");
    await expectMended();
    expect(fetched()).toEqual([]);
  });

  test("is fetched for a layer whose files are damaged as well", async () => {
    const [, , kept] = image.blobs;
    spoil(blobPath(kept?.digest ?? ""));
    spoil(join(layer(), "text"));
    rmSync(`${layer()}.recipe`);
    await expectMended();
    expect(fetched()).toEqual([[kept?.digest, kept?.size]]);
  });

  test("comes back after all the layers are lost with it", async () => {
    for (const { digest } of image.blobs.slice(1)) rmSync(blobPath(digest));
    rmSync(join(root(), "layers"), { recursive: true });
    await expectMended();
    expect(fetched().toSorted()).toEqual(
      image.blobs
        .slice(1)
        .map(({ digest, size }) => [digest, size])
        .toSorted(),
    );
  });
});

test("a config is fetched where its second copy is damaged too, and so is a manifest", async () => {
  await pull();
  const [config] = image.blobs;
  spoil(blobPath(config?.digest ?? ""));
  {
    using db = openDatabase();
    db.exec("UPDATE image SET config = NULL");
  }
  await expectDamaged("B1");
  await expectMended();
  expect(fetched()).toEqual([[config?.digest, config?.size]]);
  proxy.behave();
  {
    using db = openDatabase();
    db.exec("UPDATE image_manifest SET bytes = CAST('{}' AS BLOB)");
  }
  await expectDamaged("M1");
  await expectMended();
  expect(fetched()).toEqual([]);
  expect(proxy.exchanges.map(({ method, path }) => `${method} ${path}`)).toContain(
    `GET /v2/healed/manifests/${image.digest}`,
  );
});

test("an index, its manifests and what is kept for them are fetched again", async () => {
  await using other = openBerth();
  const multi = writeMultiPlatform(join(berth.directory, "layout"), { name: nameOf("multi") });
  await other.out(["load", "-q", "-i", join(berth.directory, "layout")]);
  await other.out(["push", "-q", nameOf("multi")]);
  await berth.out(["pull", "-q", nameOf("multi")]);
  proxy.behave();
  {
    using db = openDatabase();
    db.exec("UPDATE image_index SET bytes = CAST('{}' AS BLOB)");
    const kept = db.prepare("SELECT digest FROM image_index_blob ORDER BY size DESC").get();
    truncateSync(blobPath(String(kept?.["digest"])), 10);
  }
  await expectDamaged("N1");
  const { code, stdout } = await berth.run(["system", "check", "--repair"]);
  expect(code, stdout).toBe(0);
  const asked = proxy.exchanges.map(({ method, path }) => `${method} ${path}`);
  expect(asked).toContain(`GET /v2/multi/manifests/${multi.digest}`);
  expect(fetched()).toHaveLength(1);
  expect(await berth.out(["system", "check"])).toContain("Everything is as it should be.");
});

test("files of an image that was built and pushed come from where it was pushed to", async () => {
  await berth.out(["import", "--change", 'CMD ["sh"]', baseArchives().busybox, "busybox"]);
  await push(berth);
  proxy.behave();
  spoil(join(layer(), "text"));
  await expectDamaged("L3");
  await expectMended();
  expect(fetched()).toHaveLength(1);
});

test("a registry that isn't there is told, once, and all else is mended", async () => {
  await pull();
  const [, first, second] = image.blobs;
  for (const blob of [first, second]) spoil(blobPath(blob?.digest ?? ""));
  const damaged = [first, second].map((blob) => readFileSync(blobPath(blob?.digest ?? "")));
  chmodSync(join(layer(), "text"), 0o777);
  const { host } = proxy;
  await proxy[Symbol.asyncDispose]();
  const { code, stdout } = await berth.run(["system", "check", "--repair"]);
  proxy = await openFaultyProxy(registry.host);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^L3 mended: .*text: mode/m);
  expect(stdout.match(/^B1 can't be mended/gm)).toHaveLength(2);
  expect(stdout).toContain(`It can't be fetched again: ${host}/healed: `);
  expect(stdout).toContain("connection refused");
  expect([first, second].map((blob) => readFileSync(blobPath(blob?.digest ?? "")))).toEqual(damaged);
});
