import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../src/oci/digest.ts";
import { openBerth } from "../support/berth.ts";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, openScriptedRegistry } from "../support/registry.ts";
import { makeImage, serveImage } from "../support/served-image.ts";

const berth = openBerth();
const registry = await openRegistry();
afterAll(async () => {
  await berth[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const at = (name: string): string => join(berth.directory, name);

async function skopeo(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram("skopeo", ["--insecure-policy", ...args], { cwd: berth.directory });
  if (code !== 0) throw new Error(`skopeo ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** An image for three platforms with an attestation, and the digest that it has for this machine. */
let multi: MultiPlatform;
let own = "";

beforeAll(() => {
  multi = writeMultiPlatform(at("multi"));
  own = multi.images.get("linux/amd64")?.manifest ?? "";
});

/** The ways in which an image can lie somewhere, each under a name of its own. */
const transports = ["docker", "oci", "oci-archive", "dir", "store"] as const;
type Transport = (typeof transports)[number] | "docker-archive";

function locationOf(transport: Transport, name: string): string {
  switch (transport) {
    case "docker":
      return `docker://${registry.host}/copies/${name}:1`;
    case "store":
      return `store:${name}:1`;
    case "dir":
      return `dir:${transport}-${name}`;
    default:
      return `${transport}:${transport}-${name}:${name}`;
  }
}

/** The digest of what lies there, by another program where there is one that knows. */
async function digestAt(transport: Transport, name: string): Promise<string> {
  if (transport === "store") return await berth.out(["image", "digest", `${name}:1`]);
  return digestOf(await skopeo("inspect", "--tls-verify=false", "--raw", locationOf(transport, name)));
}

const copy = (...args: readonly string[]): Promise<string> => berth.out(["copy", ...args]);

describe("an image for several platforms", () => {
  beforeAll(async () => {
    await Promise.all(transports.map((to) => copy("-q", "--all", "oci:multi", locationOf(to, "all"))));
  });

  test.each(transports)("keeps its digest and all that it has from %s to everywhere", async (from) => {
    const name = `all-from-${from}`;
    const others = transports.filter((to) => to !== "store" || from !== "store");
    await Promise.all(
      others.map(async (to) => {
        await copy("-q", "--all", "--preserve-digests", locationOf(from, "all"), locationOf(to, name));
        expect([to, await digestAt(to, name)]).toEqual([to, multi.digest]);
      }),
    );
  });

  test.each(transports.filter((to) => to !== "store"))("is whole, as skopeo reads it, in %s", async (from) => {
    await skopeo("copy", "-q", "--all", "--src-tls-verify=false", locationOf(from, "all"), `dir:checked-${from}`);
  });

  test("gives the image for this machine, or for the platform that is asked for, alone", async () => {
    const arm = multi.images.get("linux/arm64/v8")?.manifest;
    await Promise.all(
      transports.map(async (from) => {
        const name = `from-${from}`;
        await copy("-q", locationOf(from, "all"), locationOf("dir", `one-${name}`));
        expect([from, await digestAt("dir", `one-${name}`)]).toEqual([from, own]);
        await copy("-q", "--override-arch", "arm64", locationOf(from, "all"), locationOf("dir", `arm-${name}`));
        expect([from, await digestAt("dir", `arm-${name}`)]).toEqual([from, arm]);
      }),
    );
    await copy("-q", "--digestfile", at("digest"), "--platform", "linux/s390x", "oci:multi", "dir:s390x");
    expect(readFileSync(at("digest"), "utf8")).toBe(multi.images.get("linux/s390x")?.manifest);
    const { code, stderr } = await berth.run(["copy", "--platform", "linux/riscv64", "oci:multi", "dir:none"]);
    expect(stderr).toMatch(/^no matching manifest for linux\/riscv64 in the manifest list entries\nhint: /);
    expect([code, existsSync(at("none"))]).toEqual([1, false]);
  });

  test("runs from the store, for whichever platform came, and the store is as it should be", async () => {
    expect(await berth.out(["run", "--rm", "--network", "none", "all:1"])).toBe("linux/amd64");
    const ids = await berth.out(["image", "ls", "--tree", "all:1"]);
    expect(ids).toMatch(/linux\/amd64[\s\S]*linux\/arm64\/v8[\s\S]*linux\/s390x/);
    expect(await berth.out(["system", "check"])).toMatch(/Everything is as it should be/);
  });

  test("stays an index through nested ones", async () => {
    const nested = writeMultiPlatform(at("nested"), { shape: "nested" });
    for (const [from, to] of [
      ["oci:nested", locationOf("docker", "nested")],
      [locationOf("docker", "nested"), "store:nested:1"],
      ["store:nested:1", "oci-archive:nested.tar:1"],
    ] as const) {
      await copy("-q", "--all", from, to);
    }
    expect(digestOf(await skopeo("inspect", "--raw", "oci-archive:nested.tar:1"))).toBe(nested.digest);
    expect(await berth.out(["system", "check"])).toMatch(/Everything is as it should be/);
  });

  test("is no image of Docker's archive, and its index alone needs what it names", async () => {
    const archived = await berth.run(["copy", "--all", "oci:multi", "docker-archive:several.tar:a:1"]);
    expect(archived).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Docker's archive has an image for one/),
    });
    await copy("-q", "--multi-arch", "index-only", "oci:multi", "oci:sparse:1");
    expect(readdirSync(at("sparse/blobs/sha256"))).toEqual([multi.digest.replace("sha256:", "")]);
  });
});

describe("an image for one platform", () => {
  beforeAll(async () => {
    // The store has neither its manifest nor its layers in compressed form.
    await berth.out(["system", "prune", "-af"]);
    writeMultiPlatform(at("single"), { mark: "single" });
    await copy("-q", "oci:single", "docker-archive:docker-archive-plain:plain");
    await copy("-q", "docker-archive:docker-archive-plain", "store:plain:1");
  });

  test.each(["docker", "oci", "oci-archive", "dir"] as const)("comes out of Docker's archive to %s", async (to) => {
    await copy("-q", "docker-archive:docker-archive-plain:plain", locationOf(to, "plain"));
    const digest = await digestAt(to, "plain");
    // What the store pushes is the same: layers are compressed in one form.
    expect(digest).toBe(await digestAt("store", "plain"));
    await copy("-q", "store:plain:1", locationOf(to, "stored"));
    expect(await digestAt(to, "stored")).toBe(digest);
    await copy("-q", locationOf(to, "stored"), `docker-archive:from-${to}.tar:plain`);
    await skopeo("copy", "-q", `docker-archive:from-${to}.tar:plain:latest`, `dir:checked-${to}-plain`);
    await copy("-q", locationOf(to, "stored"), `store:from-${to}:1`);
    expect(await digestAt("store", `from-${to}`)).toBe(digest);
  });

  test("is recorded as what it is at the registry", async () => {
    await copy("-q", "store:plain:1", locationOf("docker", "recorded"));
    const digest = await digestAt("docker", "recorded");
    expect(await berth.out(["image", "inspect", "-f", "{{json .RepoDigests}}", "plain:1"])).toContain(
      `${registry.host}/copies/recorded@${digest}`,
    );
    await copy("-q", locationOf("docker", "recorded"), "store:pulled:1");
    expect(await berth.out(["image", "inspect", "-f", "{{json .RepoDigests}}", "pulled:1"])).toContain(digest);
  });

  test.each([
    [["--format", "v2s2"], "application/vnd.docker.distribution.manifest.v2+json", ".tar.gzip"],
    [["--dest-compress-format", "zstd"], "application/vnd.oci.image.manifest.v1+json", ".tar+zstd"],
    [["--dest-compress-format", "none"], "application/vnd.oci.image.manifest.v1+json", ".v1.tar"],
  ])("is converted when it is asked for: %j", async (flags, type, suffix) => {
    const name = flags.join("").replaceAll(/[^a-z0-9]/g, "");
    await copy("-q", ...flags, "oci:multi", locationOf("docker", name));
    const manifest = JSON.parse(await skopeo("inspect", "--tls-verify=false", "--raw", locationOf("docker", name)));
    expect(manifest.mediaType).toBe(type);
    for (const { mediaType } of manifest.layers) expect(mediaType.endsWith(suffix)).toBe(true);
    // Unpacked, each layer has the digest that the config says.
    await copy("-q", locationOf("docker", name), `docker-archive:converted-${name}.tar:a:1`);
    await skopeo("copy", "-q", `docker-archive:converted-${name}.tar:a:1`, `dir:checked-${name}`);
    const { code, stderr } = await berth.run(["copy", "--preserve-digests", ...flags, "oci:multi", "oci:kept"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^the copy would have another digest/)]);
  });

  test("converted for several platforms, its index and attestation name what was made", async () => {
    await copy("-q", "--all", "--dest-compress-format", "zstd", "oci:multi", "oci:zstd:1");
    const index = JSON.parse(await skopeo("inspect", "--raw", "oci:zstd:1"));
    const [first, , , attestation] = index.manifests;
    expect(first.digest).not.toBe(own);
    expect(attestation.annotations["vnd.docker.reference.digest"]).toBe(first.digest);
    expect(attestation.digest).toBe(multi.attestation);
    await skopeo("copy", "-q", "--all", "oci:zstd:1", "dir:checked-zstd");
  });
});

test("a plan says about how large layers will be that are converted on their way", async () => {
  const plan = ["--plan", "oci:multi"];
  const total = /^\d+ of \d+ blobs to copy, (about )?([\d.]+)([kM])B$/m;
  for (const flags of [
    ["--dest-compress-format", "none"],
    ["--dest-compress-format", "zstd"],
  ]) {
    const [, about, size] = total.exec(await copy(...flags, ...plan, "oci:planned")) ?? [];
    expect(about).toBe("about ");
    expect(Number(size)).toBeGreaterThan(1);
  }
  expect(total.exec(await copy(...plan, "oci:planned"))?.[1]).toBeUndefined();
});

describe("between repositories of one registry", () => {
  test("blobs are mounted, and what is there is neither sent nor asked for again", async () => {
    await copy("-q", "--all", "oci:multi", locationOf("docker", "mounts"));
    const to = locationOf("docker", "mounted");
    expect(await copy("--plan", "--all", locationOf("docker", "mounts"), to)).toMatch(
      /mount from copies\/mounts[\s\S]*\n0 of 9 blobs to copy, 0B\nDigest: /,
    );
    const before = registry.requests().length;
    await copy("-q", "--all", locationOf("docker", "mounts"), to);
    await copy("-q", "--all", locationOf("docker", "mounts"), to);
    const requests = registry.requests().slice(before);
    expect(requests.filter((line) => /PATCH|(GET|PUT) \S+\/blobs\//.test(line))).toEqual([]);
    expect(requests.filter((line) => /POST .*mount=/.test(line))).toHaveLength(9);
  });

  test("nothing is kept here: no store is made", async () => {
    const env = { BERTH_ROOT: at("nostore/root"), BERTH_RUN_ROOT: at("nostore/run") };
    await copy("-q", "oci:multi", locationOf("docker", "storeless"));
    await berth.out(["copy", "-q", locationOf("docker", "storeless"), locationOf("docker", "other")], { env });
    expect(existsSync(at("nostore"))).toBe(false);
  });

  test("a registry on this machine is asked for a certificate when it is to be verified", async () => {
    const args = ["copy", "-q", "--src-tls-verify", locationOf("docker", "storeless"), "dir:verified"];
    const { code, stderr } = await berth.run(args);
    expect([code, existsSync(at("verified"))]).toEqual([1, false]);
    expect(stderr).toMatch(/server gave HTTP response to HTTPS client|SSL|tls|wrong version/i);
  });
});

test("a directory is made with those that it lies in, and an archive isn't, as skopeo has both", async () => {
  await berth.out(["load", "-i", "multi", "-q"]);
  const [name = ""] = (await berth.out(["images", "--format", "{{.ID}}"])).split("\n");
  await berth.out(["copy", "-q", `store:${name}`, "dir:deep/er/copy"]);
  expect(existsSync(at("deep/er/copy/manifest.json"))).toBe(true);
  for (const transport of ["oci-archive", "docker-archive"]) {
    const { stderr } = await berth.run(["copy", `store:${name}`, `${transport}:none/x`]);
    expect(stderr).toBe(`open ${at("none")}: no such file or directory\n`);
  }
});

test("the lines are skopeo's, and nothing is said with -q", async () => {
  const said = await copy("oci:multi", "dir:said");
  expect(said.split("\n")).toEqual([
    expect.stringMatching(/^Copying blob sha256:[0-9a-f]{64}$/),
    expect.stringMatching(/^Copying blob sha256:[0-9a-f]{64}$/),
    "Writing manifest to image destination",
  ]);
  expect(await copy("-q", "oci:multi", "dir:unsaid")).toBe("");
});

test.each([
  [["busybox", "dir:a"], /^Invalid source name busybox: Invalid image name "busybox", expected colon-separated/],
  [["oci:multi", "x:y"], /^Invalid destination name x:y: .* unknown transport "x"\nhint: .*docker:\/\/.*store:/],
  [["oci:nosuch", "dir:a"], /^open nosuch: no such file or directory\n/],
  [["oci:multi:nosuch", "dir:a"], /^no descriptor found for reference "nosuch"\n/],
  [["store:nosuch", "dir:a"], /^No such image: nosuch/],
  [["oci:multi", "dir:multi"], /^multi is there already, and no empty directory/],
  [["oci:multi", "oci:home"], /^\S*home is no OCI layout, and not empty/],
  [["oci:multi", "oci-archive:multi/index.json"], /^multi\/index\.json is there already, and no archive/],
  [["--dest-creds", "a:b", "oci:multi", "dir:a"], /^unknown flag: --dest-creds/],
  [["--format", "oci", "oci:multi", "store:a"], /^the store keeps manifests as they come/],
  [["--dest-tls-verify=false", "oci:multi", "dir:a"], /^--src-tls-verify and --dest-tls-verify are for docker/],
  [["--format", "v2s2", "--dest-compress-format", "zstd", "oci:multi", "dir:a"], /^zstd compression is not supported/],
])("%j is refused", async (args, message) => {
  const { code, stdout, stderr } = await berth.run(["copy", ...args]);
  expect(stderr).toMatch(message);
  expect([stdout, existsSync(at("a"))]).toEqual(["", false]);
  expect(code).toBeGreaterThan(0);
});

describe("what isn't what its digest says", () => {
  /** Write an image that nobody has. @returns the blobs of that for this machine: its config, and its layers, the top one first */
  const written = (name: string): readonly [string, string, string] => {
    writeMultiPlatform(at(name), { mark: name });
    const blob = (digest: string): string => at(`${name}/blobs/sha256/${digest.replace("sha256:", "")}`);
    const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
    const [entry] = read(blob(read(at(`${name}/index.json`)).manifests[0].digest)).manifests;
    const { config, layers } = read(blob(entry.digest));
    return [blob(config.digest), blob(layers[1].digest), blob(layers[0].digest)];
  };

  test.each<[string, readonly Transport[], (blobs: ReturnType<typeof written>) => void]>([
    ["flipped", [...transports, "docker-archive"], ([, top]) => flip(top)],
    ["cut", ["oci-archive", "dir"], ([, , bottom]) => truncateSync(bottom, 1000)],
    ["config", ["docker", "oci", "store"], ([config]) => flip(config)],
    ["missing", ["docker", "oci", "store"], ([, top]) => rmSync(top)],
  ])("is refused, and nothing of it stays: %s", async (name, everywhere, damage) => {
    await berth.out(["system", "prune", "-af"]);
    damage(written(name));
    const before = readdirSync(berth.directory).toSorted();
    await Promise.all(
      everywhere.map(async (to) => {
        const { code, stderr } = await berth.run(["copy", "-q", `oci:${name}`, locationOf(to, `of-${name}`)]);
        expect([to, code, stderr]).toEqual([to, 1, expect.stringMatching(/sha256|gzip: /)]);
      }),
    );
    expect(readdirSync(berth.directory).toSorted()).toEqual(before);
    expect(await berth.out(["images", "-q"])).toBe("");
    expect(await berth.out(["system", "check"])).toMatch(/Everything is as it should be/);
    const there = await berth.run(["manifest", "inspect", `${registry.host}/copies/of-${name}:1`]);
    expect(there.code).toBe(1);
  });

  test("a manifest of another size than its index says is refused", async () => {
    written("sized");
    const layout = at("sized/index.json");
    const list = JSON.parse(readFileSync(layout, "utf8"));
    list.manifests[0].size += 1;
    writeFileSync(layout, JSON.stringify(list));
    const { code, stderr } = await berth.run(["copy", "oci:sized", "dir:oversized"]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^invalid archive: blobs\/sha256\/\w+ has \d+ bytes/)]);
    expect(existsSync(at("oversized"))).toBe(false);
  });
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

describe("a copy that is ended", () => {
  test.each([
    ["oci:ended-oci:1", "SIGINT"],
    ["oci-archive:ended.tar:1", "SIGINT"],
    ["docker-archive:ended-docker.tar:a:1", "SIGTERM"],
    ["dir:ended-dir", "SIGINT"],
  ] as const)("leaves nothing of %s", async (to, signal) => {
    const image = makeImage(1 << 20);
    const began = Promise.withResolvers<void>();
    await using slow = await openScriptedRegistry(
      serveImage(image, (blob, _request, response) => {
        if (blob.digest !== image.layers[1]?.digest) return "send";
        response.writeHead(200, { "Content-Length": blob.bytes.length });
        response.write(blob.bytes.subarray(0, 1000), () => began.resolve());
        return "done";
      }),
    );
    mkdirSync(at("ended"), { recursive: true });
    const child = berth.start(["copy", `docker://${slow.host}/app`, to], { cwd: at("ended") });
    await began.promise;
    child.kill(signal);
    await once(child, "close");
    expect(child.exitCode).toBe(signal === "SIGINT" ? 130 : 143);
    expect(readdirSync(at("ended"))).toEqual([]);
  });

  test("by force leaves no image in a layout, whose blobs the next one uses", async () => {
    const image = makeImage(1 << 20);
    const [bottom] = image.layers;
    const began = Promise.withResolvers<void>();
    let isHeld = true;
    await using slow = await openScriptedRegistry(
      serveImage(image, (blob, _request, response) => {
        if (blob.digest !== image.layers[1]?.digest || !isHeld) return "send";
        response.writeHead(200, { "Content-Length": blob.bytes.length });
        response.write(blob.bytes.subarray(0, 1000), () => began.resolve());
        return "done";
      }),
    );
    const from = `docker://${slow.host}/app`;
    const child = berth.start(["copy", from, "oci:killed:1"]);
    await began.promise;
    const kept = at(`killed/blobs/sha256/${bottom?.digest.replace("sha256:", "")}`);
    while (!existsSync(kept)) await new Promise((resolve) => setTimeout(resolve, 10));
    child.kill("SIGKILL");
    await once(child, "close");
    expect(existsSync(at("killed/index.json"))).toBe(false);
    isHeld = false;
    const asked = (): number => slow.requests.filter(({ path }) => path.endsWith(bottom?.digest ?? "")).length;
    const before = asked();
    await copy("-q", from, "oci:killed:1");
    expect(asked()).toBe(before);
    expect(digestOf(await skopeo("inspect", "--raw", "oci:killed:1"))).toBe(image.manifest.digest);
    expect(readdirSync(at("killed/blobs/sha256")).filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
  });

  test.each(["oci-archive:forced.tar:1", "dir:forced-dir"])(
    "by force leaves nothing of %s once the next one has been there, and nothing is taken from one that runs",
    async (to) => {
      const image = makeImage(1 << 20);
      const waiting: (() => void)[] = [];
      let isHeld = true;
      await using slow = await openScriptedRegistry(
        serveImage(image, (blob, _request, response) => {
          if (blob.digest !== image.layers[1]?.digest || !isHeld) return "send";
          response.writeHead(200, { "Content-Length": blob.bytes.length });
          response.write(blob.bytes.subarray(0, 1000), () => waiting.shift()?.());
          return "done";
        }),
      );
      const cwd = at(`forced-${to.length}`);
      mkdirSync(cwd, { recursive: true });
      const start = async (): Promise<ChildProcess> => {
        const began = Promise.withResolvers<void>();
        waiting.push(began.resolve);
        const child = berth.start(["copy", `docker://${slow.host}/app`, to], { cwd });
        await began.promise;
        return child;
      };
      const end = async (child: ChildProcess, signal: "SIGKILL" | "SIGINT"): Promise<void> => {
        child.kill(signal);
        await once(child, "close");
      };
      const [running, killed] = [await start(), await start()];
      await end(killed, "SIGKILL");
      expect(readdirSync(cwd)).toHaveLength(2);
      isHeld = false;
      await berth.out(["copy", "-q", `docker://${slow.host}/app`, to], { cwd });
      expect(readdirSync(cwd)).toHaveLength(2);
      await end(running, "SIGINT");
      expect(readdirSync(cwd)).toEqual([to.split(":")[1]]);
    },
  );

  test("many into one layout wait for each other, and all are in it", async () => {
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name) => copy("-q", "oci:multi", `oci:shared:${name}`)));
    const { manifests } = JSON.parse(readFileSync(at("shared/index.json"), "utf8"));
    const found = manifests.map(
      ({ annotations }: { annotations: Record<string, string> }) => annotations["org.opencontainers.image.ref.name"],
    );
    expect(found.toSorted()).toEqual(names);
  });
});
