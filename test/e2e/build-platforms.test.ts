import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { arm64Program } from "../support/arm64-program.ts";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry } from "../support/registry.ts";

const qemu = ["/usr/bin/qemu-aarch64-static", "/usr/bin/qemu-aarch64"].find((path) => existsSync(path));
const isArm = process.arch === "arm64";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

let contexts = 0;
async function contextOf(Dockerfile: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  return await berth.files(`context-${contexts++}`, { Dockerfile, ...files });
}
const offline = ["--network", "none"];
const own = isArm ? "linux/arm64" : "linux/amd64";

/** What is built on this machine for any other, without a program of that. */
const crossing = `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN echo tools >> /tools && sleep 0
FROM --platform=$BUILDPLATFORM busybox AS cross
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
ARG BUILDPLATFORM BUILDARCH
RUN echo "$BUILDPLATFORM $BUILDARCH > $TARGETPLATFORM $TARGETOS $TARGETARCH $TARGETVARIANT." > /what
FROM scratch
COPY --from=tools /tools /
COPY --from=cross /what /
CMD ["/what"]
`;

async function expectClean(): Promise<void> {
  const { problems } = JSON.parse((await berth.run(["system", "check", "--format", "json"])).stdout);
  expect(problems).toEqual([]);
}

interface Entry {
  readonly digest: string;
  readonly mediaType: string;
  readonly platform: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

/** A blob of an archived layout. */
async function blobIn(archive: string, digest: string): Promise<string> {
  return (await runProgram("tar", ["-xOf", archive, `blobs/${digest.replace(":", "/")}`])).stdout;
}

async function indexIn(archive: string): Promise<readonly Entry[]> {
  const { manifests } = JSON.parse((await runProgram("tar", ["-xOf", archive, "index.json"])).stdout);
  return JSON.parse(await blobIn(archive, manifests[0].digest)).manifests;
}

const platformOf = ({ platform: { os, architecture, variant } }: Entry): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");

describe("a build for several platforms", () => {
  const platforms = "linux/amd64,linux/arm64/v8,linux/arm";
  let context: string;
  let progress: string;
  let iid: string;
  beforeAll(async () => {
    context = await contextOf(crossing);
    iid = join(berth.directory, "iid");
    const flags = [...offline, "--progress", "plain", "--iidfile", iid, "--platform", platforms];
    const { code, stderr } = await berth.run(["build", ...flags, "-t", "multi", context]);
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    progress = stderr;
  });

  test("does what doesn't hang on the platform once, on this machine, and the rest for each", () => {
    const names = [...progress.matchAll(/^#\d+ (\[.*)$/gm)].map(([, name = ""]) => name);
    const starting = new Set(names.filter((name) => /RUN/.test(name)));
    expect([...starting].sort()).toEqual(
      ["linux/amd64", "linux/arm/v7", "linux/arm64"]
        .map((target) => (target === own ? own : `${own}->${target.slice("linux/".length)}`))
        .map((shown) => `[${shown} cross 2/2] RUN echo "`)
        .map((start) => [...starting].find((name) => name.startsWith(start)) ?? start)
        .concat(`[${own} tools 2/2] RUN echo tools >> /tools && sleep 0`)
        .sort(),
    );
    expect(names.filter((name) => name.includes("load metadata"))).toHaveLength(1);
  });

  test("makes one image, which is each of them, without any compressed layer", async () => {
    const digest = readFileSync(iid, "utf8");
    const listed = (await berth.out(["image", "ls", "--tree"])).split("\n").map((line) => line.split(/ {2,}/));
    expect(listed.find(([name]) => name === "multi:latest")?.[1]).toBe(digest.slice(7, 19));
    for (const [platform, said] of [
      ["linux/amd64", `${own} ${own.slice(6)} > linux/amd64 linux amd64 .\n`],
      ["linux/arm64", `${own} ${own.slice(6)} > linux/arm64 linux arm64 .\n`],
      ["linux/arm/v7", `${own} ${own.slice(6)} > linux/arm/v7 linux arm v7.\n`],
    ] as const) {
      const archive = join(berth.directory, "saved.tar");
      await berth.out(["save", "--platform", platform, "-o", archive, "multi"]);
      const [{ Config, Layers }] = JSON.parse((await runProgram("tar", ["-xOf", archive, "manifest.json"])).stdout);
      const config = JSON.parse((await runProgram("tar", ["-xOf", archive, Config])).stdout);
      expect(platformOf({ platform: config } as Entry)).toBe(platform);
      const layer = await runProgram("sh", ["-c", `tar -xOf ${archive} ${Layers[1]} | tar -xOf - what`]);
      expect(layer.stdout).toBe(said);
    }
    // The configs alone.
    expect(readdirSync(join(berth.env["BERTH_ROOT"] ?? "", "blobs/sha256"))).toHaveLength(4);
    await expectClean();
  });

  test("makes the same image again from the cache", async () => {
    const again = join(berth.directory, "again");
    await berth.out(["build", "-q", ...offline, "--iidfile", again, "--platform", platforms, "-t", "multi", context]);
    expect(readFileSync(again, "utf8")).toBe(readFileSync(iid, "utf8"));
  });

  test("writes one layout, whose layers are compressed, and pushes the same", async () => {
    await using registry = await openRegistry();
    const [archive, metadata] = [join(berth.directory, "multi.tar"), join(berth.directory, "metadata")];
    const name = `${registry.host}/team/multi:1`;
    const outputs = ["-o", `type=oci,dest=${archive}`, "--push", "--metadata-file", metadata];
    await berth.out(["build", "-q", ...offline, "--platform", platforms, "-t", name, ...outputs, context]);
    const entries = await indexIn(archive);
    expect(entries.map(platformOf)).toEqual(["linux/amd64", "linux/arm64", "linux/arm/v7"]);
    const layers = JSON.parse(await blobIn(archive, entries[0]?.digest ?? "")).layers;
    expect(layers.map(({ mediaType }: Entry) => mediaType)).toEqual(
      Array(2).fill("application/vnd.oci.image.layer.v1.tar+gzip"),
    );
    const raw = await runProgram("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`]);
    expect(JSON.parse(raw.stdout).manifests).toEqual(entries);
    const digest = await berth.out(["image", "digest", name]);
    expect(JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"]).toBe(digest);
    expect(await berth.out(["imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name])).toBe(digest);
    expect(await berth.out(["save", "--format", "oci", "--compression", "gzip", "multi"])).not.toBe("");
    // One of them alone.
    const alone = `${registry.host}/team/multi:arm`;
    await berth.out(["tag", name, alone]);
    await berth.out(["push", "-q", "--platform", "linux/arm64", alone]);
    expect(await berth.out(["imagetools", "inspect", "--format", "{{.Manifest.Digest}}", alone])).toBe(
      entries[1]?.digest,
    );
    // Another store has it as it was.
    await using other = await openBerthWithBusybox();
    await other.out(["pull", "-q", "--platform", "linux/arm64", name]);
    expect(await other.out(["inspect", "--format", "{{.Architecture}}", name])).toBe("arm64");
    await expectClean();
  });

  test("is copied to a layout as a push sends it", async () => {
    const layout = join(berth.directory, "layout");
    await berth.out(["copy", "--all", "store:multi", `oci:${layout}`]);
    const { manifests } = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    expect(manifests[0].digest).toBe(await berth.out(["image", "digest", "multi"]));
  });

  test("leaves nothing when it is removed", async () => {
    await berth.out([
      "build",
      "-q",
      ...offline,
      "--platform",
      platforms,
      "-t",
      "short-lived",
      await contextOf(crossing),
    ]);
    const before = await berth.out(["images", "-aq"]);
    await berth.out(["rmi", "short-lived"]);
    expect((await berth.out(["images", "-aq"])).split("\n").length).toBeLessThanOrEqual(before.split("\n").length);
    await expectClean();
  });

  test("gives each its own files in a directory or an archive", async () => {
    const [out, archive] = [join(berth.directory, "out"), join(berth.directory, "out.tar")];
    const outputs = ["-o", out, "-o", `type=tar,dest=${archive}`];
    await berth.out(["build", "-q", ...offline, "--platform", "linux/arm64,linux/amd64", ...outputs, context]);
    expect(readdirSync(out).sort()).toEqual(["linux_amd64", "linux_arm64"]);
    expect(readFileSync(join(out, "linux_arm64/what"), "utf8")).toContain("linux/arm64");
    const listed = await runProgram("tar", ["-tf", archive]);
    expect(listed.stdout.split("\n")).toEqual([
      ...["linux_arm64/", "linux_arm64/tools", "linux_arm64/what"],
      ...["linux_amd64/", "linux_amd64/tools", "linux_amd64/what", ""],
    ]);
  });
});

test("a build for one foreign platform makes an image of that, from a base image of that", async () => {
  const base = await contextOf("FROM scratch\nCOPY Dockerfile /\n");
  await berth.out(["build", "-q", "--platform", "linux/amd64,linux/s390x", "-t", "base", base]);
  const context = await contextOf("FROM base\nARG TARGETARCH\nENV A=$TARGETARCH\n");
  await berth.out(["build", "-q", "--platform", "linux/s390x", "-t", "foreign", context]);
  const told = ["inspect", "--format", "{{.Architecture}} {{.Config.Env}}"];
  expect(await berth.out([...told, "foreign"])).toMatch(/^s390x \[.*A=s390x\]$/);
  const env = { DOCKER_DEFAULT_PLATFORM: "linux/s390x" };
  await berth.out(["build", "-q", "-t", "by-default", context], { env });
  expect(await berth.out([...told, "by-default"])).toMatch(/^s390x /);
  const { code, stderr } = await berth.run(["build", "--platform", "linux/riscv64", context]);
  expect(code).toBe(1);
  expect(stderr).toContain("no match for platform in manifest: not found");
});

describe.skipIf(isArm)("a step of another machine's programs", () => {
  const Dockerfile = 'FROM scratch\nCOPY program /\nRUN ["/program"]\n';
  let context: string;
  beforeAll(async () => {
    context = await contextOf(Dockerfile);
    writeFileSync(join(context, "program"), arm64Program("/made", "made on arm64\n"), { mode: 0o755 });
  });
  const build = (...flags: readonly string[]) => ["build", "--platform", "linux/arm64", ...offline, ...flags, context];

  test.skipIf(qemu === undefined)("is run by QEMU, of which nothing is in the image or left behind", async () => {
    const out = join(berth.directory, "made");
    const { code, stderr } = await berth.run(build("--no-cache", "-o", out, "--progress", "plain"));
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stderr).toContain(" made on arm64\n");
    // The directories are those that a step makes anywhere.
    expect(readdirSync(out)).toEqual(["dev", "made", "proc", "program", "sys"]);
    expect(readFileSync(join(out, "made"), "utf8")).toBe("made on arm64\n");
  });

  test.skipIf(qemu === undefined)("is run beside those of this machine", async () => {
    const base = await contextOf("FROM scratch\nCOPY program /\n");
    writeFileSync(join(base, "program"), arm64Program("/made", "beside\n"), { mode: 0o755 });
    await berth.out(["build", "-q", "--platform", "linux/arm64", "-t", "foreign-base", base]);
    const context = await contextOf(
      'FROM busybox AS native\nRUN sleep 0 && echo native > /native\nFROM --platform=linux/arm64 foreign-base AS foreign\nRUN ["/program"]\nFROM scratch\nCOPY --from=native /native /\nCOPY --from=foreign /made /\n',
    );
    const out = join(berth.directory, "both");
    await berth.out(["build", "-q", ...offline, "-o", out, context]);
    expect(readdirSync(out)).toEqual(["made", "native"]);
  });

  test.skipIf(qemu === undefined)("is run where it is the same for several platforms", async () => {
    for (const platforms of ["linux/arm64,linux/amd64", "linux/amd64,linux/arm64"]) {
      const out = join(berth.directory, platforms.replaceAll(/[,/]/g, "-"));
      await berth.out(["build", "-q", "--no-cache", ...offline, "--platform", platforms, "-o", out, context]);
      expect(readFileSync(join(out, "linux_arm64/made"), "utf8")).toBe("made on arm64\n");
    }
  });

  test("fails without QEMU, and says how to get it", async () => {
    const path = join(berth.directory, "bin");
    mkdirSync(path);
    for (const name of ["unshare", "sh", "mount", "crun", "cat", "grep", "bash", "readlink", "dirname", "node"]) {
      const { stdout } = await runProgram("sh", ["-c", `command -v ${name}`]);
      if (stdout !== "") symlinkSync(stdout.trim(), join(path, name));
    }
    const { code, stderr } = await berth.run(build("--no-cache"), { env: { PATH: path } });
    expect(code).toBe(1);
    expect(stderr).toContain("did not complete successfully");
    expect(stderr).toContain(
      "there is no qemu-aarch64-static: `apt-get install qemu-user-static` brings what runs them",
    );
  });
});

test.each([
  [["--platform", "lin ux"], "platform specifier component must match"],
  [["--platform", "linux/amd64,linux/arm64", "-o", "type=docker,dest=-"], "docker exporter does not currently support"],
])("what can't be is refused: %j", async (flags, says) => {
  const { code, stderr } = await berth.run(["build", ...flags, await contextOf("FROM scratch\nCOPY Dockerfile /\n")]);
  expect(code).toBe(1);
  expect(stderr).toContain(says);
});
