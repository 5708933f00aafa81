import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { humanSize } from "../../src/base/human-size.ts";
import { crash } from "../crash/crash.ts";
import { openBerth } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { baseArchives } from "../support/images.ts";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import { runProgram } from "../support/program.ts";
import { randomOf } from "../support/random.ts";
import { openRegistry, openScriptedRegistry } from "../support/registry.ts";
import { makeImage, manifestOf, sendBlob, serveImage } from "../support/served-image.ts";

const berth = openBerth();
const registry = await openRegistry();
afterAll(async () => {
  await berth[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const at = (name: string): string => join(berth.directory, name);
const app = `${registry.host}/team/app`;

async function skopeo(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram("skopeo", ["--insecure-policy", ...args]);
  if (code !== 0) throw new Error(`skopeo ${args.join(" ")}: ${stderr}`);
}

/** The ID that the image `made` has here before it is pulled, and the index that is in the registry as `app:multi`. */
let made = "";
let multi: MultiPlatform;

beforeAll(async () => {
  await berth.out(["import", baseArchives().busybox, "busybox"]);
  await berth.files("context", {
    Dockerfile: "FROM busybox\nRUN echo one > /one\nRUN dd if=/dev/urandom of=/big bs=1M count=3\nCMD cat /one\n",
  });
  await berth.out(["build", "-q", "--network", "none", "-t", "made", "context"]);
  made = await berth.out(["image", "inspect", "-f", "{{.Id}}", "made"]);
  await berth.out(["save", "-o", at("made.tar"), "made"]);
  const push = ["copy", "-q", "--dest-tls-verify=false"];
  await skopeo(...push, `docker-archive:${at("made.tar")}`, `docker://${app}:v1`);
  await skopeo(...push, "--src-tls-verify=false", `docker://${app}:v1`, `docker://${app}:latest`);
  await berth.out(["save", "--format", "oci", "--compression", "zstd", "-o", at("zstd.tar"), "made"]);
  const zstd = ["--preserve-digests", `oci-archive:${at("zstd.tar")}`, `docker://${registry.host}/team/zstd:v1`];
  await skopeo(...push, ...zstd);
  multi = writeMultiPlatform(at("multi"));
  await skopeo(...push, "--all", `oci:${at("multi")}`, `docker://${app}:multi`);
  writeMultiPlatform(at("plain"), { packed: false });
  const plain = ["--preserve-digests", "--all", `oci:${at("plain")}`, `docker://${registry.host}/team/plain:v1`];
  await skopeo(...push, ...plain);
});

/** Each test begins with a store that has nothing. */
beforeEach(async () => {
  const ids = (await berth.out(["ps", "-aq"])).split("\n").filter((id) => id !== "");
  if (ids.length > 0) await berth.out(["rm", "-f", ...ids]);
  await berth.out(["system", "prune", "-af"]);
});

const isWhole = async (): Promise<void> => {
  const { code, stdout } = await berth.run(["system", "check"]);
  expect(stdout).toMatch(/Everything is as it should be/);
  expect(code).toBe(0);
};

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

describe("an image in a registry", () => {
  test("comes without a look at signatures, and one that is asked for is refused", async () => {
    await berth.out(["pull", "-q", "--disable-content-trust", app]);
    expect(await berth.run(["pull", "--disable-content-trust=false", app])).toMatchObject({
      code: 125,
      stderr: expect.stringContaining("berth doesn't sign or verify images yet"),
    });
  });

  test("counts as content what it takes there", async () => {
    await berth.out(["pull", "-q", app]);
    const manifest = await berth.out(["imagetools", "inspect", "--raw", app]);
    const { config, layers } = JSON.parse(manifest) as { config: { size: number }; layers: { size: number }[] };
    const bytes = [config, ...layers].reduce((sum, { size }) => sum + size, manifest.length);
    const row = lines(await berth.out(["image", "ls", "--tree"])).find((line) => line.startsWith(app));
    expect(row?.split(/ {2,}/)[3]).toBe(humanSize(bytes, 3));
  });

  test("comes in with Docker's lines, and runs; pulled again, nothing is fetched", async () => {
    const pulled = lines(await berth.out(["pull", app]));
    const ids = [...new Set(pulled.flatMap((line) => /^([0-9a-f]{12}): /.exec(line)?.[1] ?? []))];
    expect(ids).toHaveLength(3);
    const [digest = ""] = pulled.flatMap((line) => /^Digest: (sha256:[0-9a-f]{64})$/.exec(line)?.[1] ?? []);
    expect(pulled.slice(0, 5)).toEqual([
      "Using default tag: latest",
      "latest: Pulling from team/app",
      ...ids.map((id) => `${id}: Pulling fs layer`),
    ]);
    const steps = ["Verifying Checksum", "Download complete", "Pull complete"];
    expect(pulled.slice(5, -3).toSorted()).toEqual(
      ids.flatMap((id) => steps.map((step) => `${id}: ${step}`)).toSorted(),
    );
    const last = [`Digest: ${digest}`, `Status: Downloaded newer image for ${app}:latest`, `${app}:latest`];
    expect(pulled.slice(-3)).toEqual(last);
    expect(await berth.out(["image", "inspect", "-f", "{{.Id}} {{json .RepoTags}} {{json .RepoDigests}}", app])).toBe(
      `${made} ["${app}:latest"] ["${app}@${digest}"]`,
    );
    expect(await berth.out(["run", "--rm", "--network", "none", app])).toBe("one");

    const before = registry.requests().length;
    expect(lines(await berth.out(["pull", app]))).toEqual([
      "Using default tag: latest",
      "latest: Pulling from team/app",
      `Digest: ${digest}`,
      `Status: Image is up to date for ${app}:latest`,
      `${app}:latest`,
    ]);
    await eventually(async () => registry.requests().length > before || undefined);
    expect(
      registry
        .requests()
        .slice(before)
        .filter((line) => !line.startsWith("HEAD")),
    ).not.toContainEqual(expect.stringMatching(/blobs|GET .*manifests/));
    await isWhole();
  });

  test("comes by its digest, with or without a tag, which says nothing then", async () => {
    await berth.out(["pull", "-q", `${app}:v1`]);
    const byDigest = await berth.out(["image", "inspect", "-f", "{{index .RepoDigests 0}}", `${app}:v1`]);
    await berth.out(["rmi", `${app}:v1`]);
    await berth.out(["system", "prune", "-af"]);
    const [first, ...rest] = lines(await berth.out(["pull", byDigest]));
    expect(first).toBe(`${byDigest}: Pulling from team/app`);
    expect(rest.slice(-2)).toEqual([`Status: Downloaded newer image for ${byDigest}`, byDigest]);
    const both = byDigest.replace("@", ":nosuch@");
    expect(lines(await berth.out(["pull", both])).slice(-2)).toEqual([
      `Status: Image is up to date for ${byDigest}`,
      both,
    ]);
    expect(await berth.out(["run", "--rm", "--network", "none", byDigest])).toBe("one");
    expect(await berth.out(["images", "--format", "{{.Repository}} {{.Tag}}"])).toBe(`${app} <none>`);
    await isWhole();
  });

  test("says with --plan what it would take, and takes nothing", async () => {
    const plan = await berth.out(["pull", "--plan", `${app}:v1`]);
    expect(plan).toMatch(
      /^([0-9a-f]{12}: \S+ to download\n){3}Digest: sha256:[0-9a-f]{64}\nPlan: \S+ to download for /,
    );
    expect(plan).toContain("(3 of 3 layers)");
    expect(await berth.out(["images", "-q"])).toBe("");
    await berth.out(["pull", "-q", `${app}:v1`]);
    expect(await berth.out(["pull", "--plan", `${app}:v1`])).toContain(
      `Plan: Nothing to download for ${app}:v1 (0 of 3 layers)`,
    );
  });

  test("says with --plan what all of its tags would take, a layer that several have once", async () => {
    const plan = lines(await berth.out(["pull", "-a", "--plan", app]));
    expect(plan.filter((line) => line.startsWith("Digest: "))).toHaveLength(3);
    expect(plan.at(-1)).toMatch(/^Plan: \S+ to download for 3 tags of /);
    const all = Number(await berth.out(["pull", "-aq", "--plan", app]));
    const each: number[] = [];
    for (const tag of ["latest", "multi", "v1"]) {
      each.push(Number(await berth.out(["pull", "-q", "--plan", `${app}:${tag}`])));
    }
    expect(all).toBeGreaterThanOrEqual(Math.max(...each));
    expect(all).toBeLessThan(each.reduce((sum, bytes) => sum + bytes, 0));
    expect(await berth.out(["images", "-q"])).toBe("");
    await berth.out(["pull", "-aq", app]);
    expect(await berth.out(["pull", "-aq", "--plan", app])).toBe("0");
  });

  test("comes with all tags of its repository", async () => {
    const pulled = lines(await berth.out(["pull", "-a", app]));
    // The registry has them in any order.
    expect(pulled.filter((line) => line.endsWith(": Pulling from team/app")).toSorted()).toEqual(
      ["latest", "multi", "v1"].map((tag) => `${tag}: Pulling from team/app`),
    );
    expect(pulled.slice(-2)).toEqual([`Status: Downloaded newer image for ${app}`, app]);
    expect(lines(await berth.out(["images", "--format", "{{.Tag}}", app])).toSorted()).toEqual([
      "latest",
      "multi",
      "v1",
    ]);
  });

  test.each(["zstd", "plain"])("has layers that are packed otherwise: %s", async (name) => {
    const image = `${registry.host}/team/${name}:v1`;
    expect(await berth.out(["pull", "-q", image])).toBe(image);
    expect(await berth.out(["run", "--rm", "--network", "none", image])).toBe(name === "zstd" ? "one" : "linux/amd64");
    await isWhole();
  });

  test("of several platforms comes as its index, with the platform of this machine or that which is asked for", async () => {
    const inspect = ["image", "inspect", "-f", "{{.Id}} {{.Architecture}} {{json .RepoDigests}}"];
    await berth.out(["pull", "--platform", "linux/s390x", `${app}:multi`]);
    const digests = `["${app}@${multi.digest}"]`;
    expect(await berth.out([...inspect, `${app}:multi`])).toBe(
      `${multi.images.get("linux/s390x")?.id} s390x ${digests}`,
    );
    expect(lines(await berth.out(["pull", `${app}:multi`]))).toContain(`Digest: ${multi.digest}`);
    expect(await berth.out([...inspect, `${app}:multi`])).toBe(
      `${multi.images.get("linux/amd64")?.id} amd64 ${digests}`,
    );
    expect(await berth.out(["run", "--rm", "--network", "none", `${app}:multi`])).toBe("linux/amd64");
    const nowhere = await berth.run(["pull", "--platform", "linux/riscv64", `${app}:multi`]);
    expect(nowhere).toMatchObject({
      code: 1,
      stdout: "multi: Pulling from team/app\n",
      stderr: expect.stringMatching(
        /^no matching manifest for linux\/riscv64 in the manifest list entries\nhint: .*linux\/s390x/,
      ),
    });
    await isWhole();
  });

  test("whose tag has moved leaves the old one without a name", async () => {
    const moved = `${registry.host}/team/moved:v1`;
    const copy = ["copy", "-q", "--dest-tls-verify=false", "--src-tls-verify=false"];
    await skopeo(...copy, `docker://${app}:v1`, `docker://${moved}`);
    await berth.out(["pull", "-q", moved]);
    await skopeo(...copy, `docker://${registry.host}/team/zstd:v1`, `docker://${moved}`);
    expect(await berth.out(["pull", moved])).toContain(`Status: Downloaded newer image for ${moved}`);
    await skopeo(...copy, "--all", `docker://${app}:multi`, `docker://${moved}`);
    expect(await berth.out(["pull", moved])).toContain(`Status: Downloaded newer image for ${moved}`);
    expect(await berth.out(["images", "-q", "--filter", "dangling=true", "--no-trunc"])).toBe(made);
    await isWhole();
  });

  test.each([
    [
      `${registry.host}/team/app:nosuch`,
      /^Error response from daemon: manifest for \S+:nosuch not found: manifest unknown/,
    ],
    [
      `${registry.host}/team/nosuch`,
      /^Error response from daemon: manifest for \S+:latest not found: manifest unknown/,
    ],
    ["scratch", /^Error response from daemon: 'scratch' is a reserved name$/m],
    ["nosuch", /^Error response from daemon: pull access denied for nosuch, .*\nhint: .*blocks docker.io/],
    [
      "127.0.0.1:1/x",
      /^Error response from daemon: Get "http:\/\/127.0.0.1:1\/v2\/": dial tcp 127.0.0.1:1: connect: connection refused/,
    ],
    [`${registry.host}/team/App`, /^invalid reference format: repository name \(team\/App\) must be lowercase/],
  ])("that is not there is told as Docker tells it: %s", async (name, stderr) => {
    expect(await berth.run(["pull", name])).toMatchObject({ code: 1, stderr: expect.stringMatching(stderr) });
  });
});

describe("what needs an image that isn't here", () => {
  const run = ["run", "--rm", "--network", "none"];

  test("run pulls it, and says so on stderr", async () => {
    const first = await berth.run([...run, `${app}:v1`]);
    expect(first).toMatchObject({ code: 0, stdout: "one\n" });
    expect(lines(first.stderr)[0]).toBe(`Unable to find image '${app}:v1' locally`);
    expect(lines(first.stderr)[1]).toBe("v1: Pulling from team/app");
    expect(lines(first.stderr).at(-1)).toBe(`Status: Downloaded newer image for ${app}:v1`);
    expect(await berth.run([...run, `${app}:v1`])).toEqual({ code: 0, stdout: "one\n", stderr: "" });
    const always = await berth.run([...run, "--pull", "always", `${app}:v1`]);
    expect(lines(always.stderr).at(-1)).toBe(`Status: Image is up to date for ${app}:v1`);
    expect(await berth.run([...run, "-q", `${app}:latest`])).toEqual({ code: 0, stdout: "one\n", stderr: "" });
  });

  test("run and create fail as Docker's do", async () => {
    expect(await berth.run([...run, "--pull", "never", `${app}:v1`])).toMatchObject({
      code: 125,
      stderr: expect.stringContaining(`berth: Error response from daemon: No such image: ${app}:v1\n`),
    });
    expect(await berth.run([...run, `${app}:nosuch`])).toMatchObject({
      code: 125,
      stderr: expect.stringMatching(
        /^Unable to find image '\S+:nosuch' locally\nberth: Error response from daemon: manifest for \S+ not found/,
      ),
    });
    expect(await berth.run(["create", "--platform", "linux/riscv64", `${app}:multi`])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("multi: Pulling from team/app\nno matching manifest for linux/riscv64"),
    });
  });

  test("build pulls it, by each of its names, as BuildKit tells it", async () => {
    await berth.files("base", {
      Dockerfile: `FROM ${app}:v1\nCOPY --from=${app}:multi /platform /\nRUN --mount=from=${app}:latest,target=/m cat /m/one\n`,
    });
    const { code, stderr } = await berth.run([
      "build",
      "--progress",
      "plain",
      "--network",
      "none",
      "-t",
      "built",
      "base",
    ]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(new RegExp(`\\[internal\\] load metadata for ${app}:v1\n`));
    expect(stderr).toMatch(new RegExp(`\\[stage-0 1/3\\] FROM ${app}:v1@sha256:[0-9a-f]{64}\n`));
    expect(stderr).toMatch(new RegExp(`#\\d+ resolve ${app}:v1@sha256:[0-9a-f]{64} \\d\\.\\ds done\n`));
    expect(stderr).toMatch(/#\d+ sha256:[0-9a-f]{64} \S+ \/ \S+ done\n/);
    expect(stderr).toMatch(/#\d+ extracting sha256:[0-9a-f]{64} \d+\.\ds done\n/);
    expect(await berth.out([...run, "built", "cat", "/platform", "/one"])).toBe("linux/amd64\none");
    expect(lines(await berth.out(["images", "--format", "{{.Tag}}", app])).toSorted()).toEqual([
      "latest",
      "multi",
      "v1",
    ]);
    await isWhole();
  });

  test("build --pull asks the registry also for what is here", async () => {
    const moved = `${registry.host}/team/base:v1`;
    const copy = ["copy", "-q", "--dest-tls-verify=false", "--src-tls-verify=false"];
    await skopeo(...copy, `docker://${app}:v1`, `docker://${moved}`);
    await berth.out(["pull", "-q", moved]);
    await skopeo(...copy, "--all", `docker://${app}:multi`, `docker://${moved}`);
    await berth.files("pulled", { Dockerfile: `FROM ${moved}\n` });
    await berth.out(["build", "-q", "-t", "old", "pulled"]);
    await berth.out(["build", "-q", "--pull", "-t", "new", "pulled"]);
    const layers = ["image", "inspect", "-f", "{{len .RootFS.Layers}}"];
    expect(await berth.out([...layers, "old"])).toBe("3");
    expect(await berth.out([...layers, "new"])).toBe("2");
  });
});

describe("a pull that was ended early", () => {
  const size = 3 << 20;
  const downloads = at("root/downloads/sha256");
  const begun = (): readonly number[] => readdirSync(downloads).map((name) => statSync(join(downloads, name)).size);

  test("goes on at the byte where it stopped, and asks for nothing twice", async () => {
    const image = makeImage(size);
    const [, data] = image.layers;
    const half = size / 2;
    let stalls = true;
    const handler = serveImage(image, (blob, _request, response) => {
      if (!stalls || blob !== data) return "send";
      response.writeHead(200, { "Content-Length": blob.bytes.length });
      response.write(blob.bytes.subarray(0, half));
      return "done";
    });
    await using server = await openScriptedRegistry(handler);
    const name = `${server.host}/x`;
    const child = berth.start(["pull", name]);
    await eventually(async () => begun().includes(half) || undefined);
    child.kill("SIGKILL");
    await once(child, "close");
    expect(await berth.out(["images", "-q"])).toBe("");
    await isWhole();

    stalls = false;
    const before = server.requests.length;
    expect(await berth.out(["pull", "--plan", name])).toMatch(/: 1\.57\dMB of 3\.14\dMB to download\n/);
    await berth.out(["pull", name]);
    const asked = server.requests
      .slice(before)
      .filter(({ path }) => image.layers.some(({ digest }) => path.endsWith(digest)));
    expect(asked.map(({ path, headers }) => [path.split("/").at(-1), headers["range"]])).toEqual([
      [data?.digest, `bytes=${half}-`],
    ]);
    expect(await berth.out(["run", "--rm", "--network", "none", name])).toMatch(/^[0-9a-f]{64} {2}\/data$/);
    expect(begun()).toEqual([]);
    await isWhole();
  });

  test("leaves what was there damaged to be fetched again", async () => {
    const image = makeImage(size);
    await using server = await openScriptedRegistry(serveImage(image));
    mkdirSync(downloads, { recursive: true });
    const [, data] = image.layers;
    if (data === undefined) throw new Error("no layer");
    const path = join(downloads, data.digest.replace("sha256:", ""));
    const damaged = Buffer.from(data.bytes.subarray(0, size));
    damaged[12_345] = (damaged[12_345] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    await berth.out(["pull", "-q", `${server.host}/x`]);
    const ranges = server.requests
      .filter(({ path }) => path.endsWith(data.digest))
      .map(({ headers }) => headers["range"]);
    expect(ranges).toEqual([`bytes=${size}-`, undefined]);
    await isWhole();
  });

  test("is counted when an image goes whose layers came compressed, and so are these", async () => {
    await berth.out(["pull", "-q", `${app}:v1`]);
    const images = await berth.out(["system", "df", "--format", "{{.Type}} {{.Size}}"]);
    const size = /^Images (\S+)$/m.exec(images)?.[1];
    expect(await berth.out(["image", "prune", "-af"])).toContain(`Total reclaimed space: ${size}`);
  });

  test("is pruned with the images", async () => {
    mkdirSync(downloads, { recursive: true });
    writeFileSync(join(downloads, "0".repeat(64)), "12345");
    expect(await berth.out(["system", "df", "--all"])).toMatch(/^download +1 +5$/m);
    await isWhole();
    const usage = ["system", "df", "--format", "{{.Type}} {{.Size}}"];
    expect(await berth.out(usage)).toContain("Images 5B\n");
    expect(await berth.out(["image", "prune", "-f"])).toContain("Total reclaimed space: 5B");
    expect(await berth.out(usage)).toContain("Images 0B\n");
    expect(begun()).toEqual([]);
  });

  test("by a kill or a full disk at any call leaves a store that is whole", async () => {
    const scenario = {
      args: ["pull", "-q", `${app}:v1`],
      prepare: async () => void (await berth.out(["system", "prune", "-af"])),
      verify: async () => {
        expect(await berth.out(["run", "--rm", "--network", "none", `${app}:v1`])).toBe("one");
      },
    };
    const effects = ["SIGKILL", "ENOSPC", "SIGKILL", "EIO", "SIGKILL", "EDQUOT"] as const;
    const report = await crash(berth, scenario, { most: 10, random: randomOf("crash pull"), effects });
    expect(report.problems).toEqual([]);
    expect(report.hit).toBeGreaterThan(0);
  });
});

test("two processes that pull one image fetch it once", async () => {
  const image = makeImage(1 << 20);
  const held = Promise.withResolvers<void>();
  const handler = serveImage(image, async (blob, request, response) => {
    if (blob !== image.layers[1]) return "send";
    await held.promise;
    sendBlob(blob, request, response);
    return "done";
  });
  await using server = await openScriptedRegistry(handler);
  const pulls = [1, 2, 3].map(() => berth.run(["pull", `${server.host}/x`]));
  const manifests = (): number => server.requests.filter(({ path }) => path.includes("/manifests/")).length;
  await eventually(async () => manifests() === 3 || undefined);
  held.resolve();
  for (const { code, stderr } of await Promise.all(pulls)) expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const { digest } of image.layers) {
    expect(server.requests.filter(({ path }) => path.endsWith(digest))).toHaveLength(1);
  }
  await isWhole();
});

describe("a registry that lies", () => {
  const image = makeImage(1000);
  const other = makeImage(1000);
  const [base, data] = image.layers;
  const [, otherData] = other.layers;
  if (base === undefined || data === undefined || otherData === undefined) throw new Error("no layers");
  const served = (manifest: ReturnType<typeof manifestOf>, more: readonly (typeof data)[] = []) =>
    serveImage({ ...image, manifest, layers: [...image.layers, ...more] });
  const config = { digest: image.config.digest, size: image.config.bytes.length };

  test.each([
    [
      "bytes of another digest",
      serveImage(image, (blob, request, response) => {
        if (blob !== data) return "send";
        sendBlob({ ...blob, bytes: Buffer.alloc(blob.bytes.length) }, request, response);
        return "done";
      }),
      `filesystem layer verification failed for digest ${data.digest}`,
    ],
    [
      "more bytes than were said",
      serveImage(image, (blob, _request, response) => {
        if (blob !== data) return "send";
        response.end(Buffer.concat([blob.bytes, blob.bytes]));
        return "done";
      }),
      `the registry sent another size of ${data.digest}`,
    ],
    [
      "layers of another image",
      served(manifestOf(image.config, [base, otherData]), [otherData]),
      "invalid diffID for layer 1",
    ],
    ["fewer layers", served(manifestOf(image.config, [base])), "layers from manifest don't match image configuration"],
    [
      "an artifact",
      served(
        manifestOf(image.config, [data], { config: { ...config, mediaType: "application/vnd.oci.empty.v1+json" } }),
      ),
      "unsupported media type application/vnd.oci.empty.v1+json",
    ],
    [
      "a layer that no disk holds",
      served(
        manifestOf(image.config, [], {
          layers: [
            { digest: base.digest, size: base.bytes.length },
            { digest: data.digest, size: 2 ** 50 },
          ],
        }),
      ),
      "no space left on device",
    ],
  ])("with %s leaves the store as it was", async (_what, handler, message) => {
    await using server = await openScriptedRegistry(handler);
    const { code, stderr } = await berth.run(["pull", `${server.host}/x`]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(await berth.out(["images", "-aq"])).toBe("");
    await isWhole();
  });
});

test.each([
  ["pull", "SIGINT", 130],
  ["create", "SIGTERM", 143],
  ["run", "SIGINT", 130],
  ["run", "SIGHUP", 129],
] as const)("%s that %s ends while it pulls says nothing of it, and has its exit code", async (verb, signal, code) => {
  let asked = false;
  await using silent = await openScriptedRegistry(({ url = "" }, response) => {
    if (url === "/v2/") return void response.end("{}");
    asked = true;
  });
  const child = berth.start([verb, `${silent.host}/app`]);
  const said: string[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => said.push(text));
  const ended = once(child, "close");
  await eventually(async () => asked || undefined);
  child.kill(signal);
  expect(await ended).toEqual([code, null]);
  expect(said.join("")).toBe(verb === "pull" ? "" : `Unable to find image '${silent.host}/app:latest' locally\n`);
});
