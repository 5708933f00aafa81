import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

let berth: Berth;
let registry: Registry;
let context: string;
beforeAll(async () => {
  [berth, registry] = [await openBerthWithBusybox(), await openRegistry()];
  // Long enough that levels differ.
  const text = Array.from({ length: 20_000 }, (_, line) => `${line} ${(line * 7919) % 1009}\n`).join("");
  context = await berth.files("context", { Dockerfile: "FROM busybox\nCOPY text /\nCMD cat /text\n", text });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await berth[Symbol.asyncDispose]();
});

let count = 0;
const place = (): string => join(berth.directory, `place-${count++}`);
const build = (...args: readonly string[]) => berth.run(["build", "-q", ...args, context]);
async function built(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await build(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
}

interface Described {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly mediaType: string;
  readonly layers: readonly Described[];
  readonly manifests?: readonly Described[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a layout's directory has under its first name. */
function inLayout(directory: string): { readonly name: Described; readonly top: Manifest } {
  const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
  return { name: manifests[0], top: blobIn(directory, manifests[0].digest) };
}

function blobIn(directory: string, digest: string): Manifest {
  return JSON.parse(readFileSync(join(directory, "blobs", digest.replace(":", "/")), "utf8"));
}

async function layoutOf(
  ...attributes: readonly string[]
): Promise<{ readonly directory: string; readonly top: Manifest }> {
  const directory = place();
  await built("-o", ["type=oci", "tar=false", `dest=${directory}`, ...attributes].join(","));
  return { directory, top: inLayout(directory).top };
}

async function atRegistry(name: string): Promise<Manifest> {
  const { stdout, stderr } = await runProgram("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${name}`]);
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

const layerType = "application/vnd.oci.image.layer.v1.tar";

describe("the form of an image in a layout", () => {
  test.each([
    ["uncompressed", layerType],
    ["gzip", `${layerType}+gzip`],
    ["zstd", `${layerType}+zstd`],
  ])("compression=%s", async (compression, type) => {
    const { top } = await layoutOf(`compression=${compression}`);
    expect(top.layers.map(({ mediaType }) => mediaType)).toEqual([type, type]);
  });

  test("levels of compression differ, and each comes out the same again", async () => {
    const sizes = async (...attributes: readonly string[]) =>
      (await layoutOf(...attributes)).top.layers.map(({ size }) => size);
    for (const format of ["gzip", "zstd"]) {
      const least = await sizes(`compression=${format}`, "compression-level=1");
      const most = await sizes(`compression=${format}`, "compression-level=9");
      expect(most[1]).toBeLessThan(least[1] ?? 0);
      expect(await sizes(`compression=${format}`, "compression-level=1")).toEqual(least);
    }
    // What a push sends is berth's own form all the same.
    const [before, after] = [await layoutOf(), await layoutOf("compression=gzip")];
    expect(after.top).toEqual(before.top);
  });

  test("levels of a cache differ, too", async () => {
    const size = async (level: number): Promise<number> => {
      const [directory, cache] = [place(), `type=local,compression-level=${level}`];
      await built("--cache-to", `${cache},dest=${directory}`);
      const blobs = join(directory, "blobs/sha256");
      return readdirSync(blobs).reduce((sum, name) => sum + statSync(join(blobs, name)).size, 0);
    };
    expect(await size(9)).toBeLessThan(await size(1));
  });

  test("a layer that came compressed stays as it came, unless that is forced", async () => {
    const name = `${registry.host}/base/zstd:1`;
    await built("-o", `type=registry,name=${name},compression=zstd`);
    await using other = await openBerthWithBusybox();
    await other.out(["pull", "-q", name]);
    const own = await other.files("context", { Dockerfile: `FROM ${name}\nCOPY Dockerfile /\n` });
    const types = async (attributes: string) => {
      const directory = place();
      await other.out(["build", "-q", "-o", `type=oci,tar=false,dest=${directory}${attributes}`, own]);
      return inLayout(directory).top.layers.map(({ mediaType }) => mediaType.slice(layerType.length));
    };
    expect(await types("")).toEqual(["+zstd", "+zstd", "+gzip"]);
    expect(await types(",compression=uncompressed")).toEqual(["+zstd", "+zstd", ""]);
    expect(await types(",compression=gzip,force-compression=true")).toEqual(["+gzip", "+gzip", "+gzip"]);
  });

  test("several images lie in one directory, by their names, and are loaded from it", async () => {
    const directory = place();
    const output = `type=oci,tar=false,dest=${directory}`;
    await built("-o", output, "-t", "in-layout:1", "-t", "in-layout:2");
    await built("-o", output, "-t", "in-layout:2", "--label", "a=b");
    const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8"));
    expect(manifests.map(({ annotations }: Described) => annotations)).toEqual(
      [1, 2].map((tag) => ({
        "io.containerd.image.name": `docker.io/library/in-layout:${tag}`,
        "org.opencontainers.image.ref.name": `${tag}`,
      })),
    );
    await using other = await openBerthWithBusybox();
    expect((await other.out(["load", "-i", directory])).split("\n").sort()).toEqual([
      "Loaded image: in-layout:1",
      "Loaded image: in-layout:2",
    ]);
    expect(await other.out(["inspect", "--format", "{{.Config.Labels.a}}", "in-layout:2"])).toBe("b");
    const found = await runProgram("skopeo", ["inspect", "--raw", `oci:${directory}:1`]);
    expect(JSON.parse(found.stdout).layers).toHaveLength(2);
  });
});

describe("a push", () => {
  test("has Docker's media types with oci-mediatypes=false", async () => {
    const name = `${registry.host}/team/types:1`;
    await built("-o", `type=image,push=true,oci-mediatypes=false,name=${name}`);
    const { mediaType, layers } = await atRegistry(name);
    expect([mediaType, layers[0]?.mediaType]).toEqual([
      "application/vnd.docker.distribution.manifest.v2+json",
      "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ]);
    await berth.out(["rmi", name]);
    await berth.out(["pull", "-q", name]);
  });

  test("goes by digest alone with push-by-digest", async () => {
    const [repository, metadata] = [`${registry.host}/team/digest`, place()];
    await built("-o", `type=image,push=true,push-by-digest=true,name=${repository}`, "--metadata-file", metadata);
    const { "containerimage.digest": digest } = JSON.parse(readFileSync(metadata, "utf8"));
    expect((await atRegistry(`${repository}@${digest}`)).layers).toHaveLength(2);
    expect(readdirSync(join(registry.data, "docker/registry/v2/repositories/team/digest/_manifests"))).toEqual([
      "revisions",
    ]);
    expect(await berth.out(["images", "--format", "{{.Tag}}", repository])).toBe("<none>");
  });
});

describe("annotations", () => {
  test("of one image are in its manifest, which is pushed without an index", async () => {
    const name = `${registry.host}/team/annotated:1`;
    await built(
      "--push",
      "-t",
      name,
      "--annotation",
      "org.example.b=two, too",
      "--annotation",
      "manifest:org.example.a=1",
    );
    expect(await atRegistry(name)).toMatchObject({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      annotations: { "org.example.a": "1", "org.example.b": "two, too" },
    });
    expect(await berth.out(["image", "digest", name])).toBe(
      await berth.out(["imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name]),
    );
    // The image is the same, and runs.
    expect(await berth.out(["run", "--rm", "--network", "none", name, "head", "-n", "1", "/text"])).toBe("0 0");
    // A later push has them, too.
    const again = `${registry.host}/team/again:1`;
    await berth.out(["tag", name, again]);
    await berth.out(["push", "-q", again]);
    expect((await atRegistry(again)).annotations).toEqual((await atRegistry(name)).annotations);
  });

  test("of several are where they are said to be", async () => {
    const directory = place();
    const attributes = ["annotation.all=1", "annotation-index.index=2", "annotation[linux/arm64].all=arm"];
    const plain = await berth.files("plain", { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" });
    const output = ["type=oci", "tar=false", `dest=${directory}`, ...attributes, "annotation-manifest-descriptor.at=3"];
    await berth.out(["build", "-q", "--platform", "linux/amd64,linux/arm64", "-o", output.join(","), plain]);
    const { top } = inLayout(directory);
    expect(top.annotations).toEqual({ index: "2" });
    expect(top.manifests?.map(({ annotations }) => annotations)).toEqual([{ at: "3" }, { at: "3" }]);
    const own = top.manifests?.map(({ digest }) => blobIn(directory, digest).annotations);
    expect(own).toEqual([{ all: "1" }, { all: "arm" }]);
  });

  test("of one output of several are in that one alone, and --annotation's in all", async () => {
    const [first, second, archive] = [place(), place(), place()];
    const name = `${registry.host}/team/variant:1`;
    await built(
      "--annotation=all=0",
      `--output=type=oci,tar=false,dest=${first}`,
      `--output=type=oci,tar=false,dest=${second},annotation.own=2`,
      `--output=type=oci,dest=${archive},name=archived,annotation.own=3`,
      `--output=type=image,push=true,name=${name},annotation.own=2`,
    );
    expect(inLayout(first).top.annotations).toEqual({ all: "0" });
    expect(inLayout(second).top.annotations).toEqual({ all: "0", own: "2" });
    expect((await atRegistry(name)).annotations).toEqual({ all: "0", own: "2" });
    const { stdout } = await runProgram("skopeo", ["inspect", "--raw", `oci-archive:${archive}`]);
    expect(JSON.parse(stdout).annotations).toEqual({ all: "0", own: "3" });
    expect(await berth.out(["image", "ls", "-q", "archived"])).toBe(await berth.out(["image", "ls", "-q", name]));
  });

  const annotationsOf = async (name: string): Promise<Manifest["annotations"]> => {
    const pushed = `${registry.host}/team/${name}:1`;
    await berth.out(["tag", name, pushed]);
    await berth.out(["push", "-q", pushed]);
    return (await atRegistry(pushed)).annotations;
  };

  test("go with a name that several outputs have as the last one to the store says", async () => {
    const image = (value: number) => `--output=type=image,name=named-twice,annotation.own=${value}`;
    await built(image(1), image(2), image(1), `--output=type=oci,dest=${place()},name=named-twice,annotation.own=3`);
    expect(await annotationsOf("named-twice")).toEqual({ own: "1" });
  });

  test("stay with what the guard lets through", async () => {
    await built("--guard", "-t", "guarded", "--annotation=own=1");
    expect(await annotationsOf("guarded")).toEqual({ own: "1" });
  });
});

describe("the form of an image in Docker's archive", () => {
  test.each([
    ["compression=gzip,compression-level=9", `${layerType}+gzip`],
    ["compression=zstd,rewrite-timestamp=true", `${layerType}+zstd`],
    ["compression=uncompressed,oci-mediatypes=false", "application/vnd.docker.image.rootfs.diff.tar"],
  ])("%s", async (attributes, type) => {
    const dest = place();
    const args = ["--build-arg", "SOURCE_DATE_EPOCH=1000000000", "--label", `form=${attributes}`];
    await built("-o", `type=docker,dest=${dest},name=in-docker:1,${attributes}`, ...args);
    const id = await berth.out(["inspect", "--format", "{{.Id}}", "in-docker:1"]);
    const [item] = JSON.parse((await runProgram("tar", ["-xOf", dest, "manifest.json"])).stdout);
    expect(item.RepoTags).toEqual(["in-docker:1"]);
    const sources: readonly Described[] = Object.values(item.LayerSources);
    expect(sources.map(({ mediaType }) => mediaType)).toEqual([type, type]);
    await using other = openBerth();
    expect(await other.out(["load", "-i", dest])).toBe("Loaded image: in-docker:1");
    expect(await other.out(["inspect", "--format", "{{.Id}}", "in-docker:1"])).toBe(id);
    expect(await other.out(["run", "--rm", "--network", "none", "in-docker:1", "head", "-1", "/text"])).toBe("0 0");
  });
});

test("what steps leave is clamped with SOURCE_DATE_EPOCH, which is what rewrite-timestamp asks for", async () => {
  const directory = place();
  const output = `type=oci,tar=false,dest=${directory},compression=uncompressed,rewrite-timestamp=true`;
  await built("-o", output, "--build-arg", "SOURCE_DATE_EPOCH=1000000000");
  const digest = inLayout(directory).top.layers[1]?.digest ?? "";
  const listed = await runProgram("tar", ["-tvf", join(directory, "blobs", digest.replace(":", "/")), "--full-time"]);
  expect(listed.stdout).toContain("2001-09-09 01:46:40");
});

test("platforms share a directory with platform-split=false, unless a file is of two of them", async () => {
  const own = await berth.files("split", {
    Dockerfile: "FROM scratch AS one\nARG TARGETARCH\nCOPY $TARGETARCH /\nFROM one AS both\nCOPY Dockerfile /\n",
    amd64: "a",
    arm64: "b",
  });
  const directory = place();
  const asked = (target: string) =>
    berth.run([
      ...["build", "-q", "--platform", "linux/amd64,linux/arm64", "--target", target],
      ...["-o", `type=local,platform-split=false,dest=${directory}`, own],
    ]);
  expect(await asked("one")).toMatchObject({ code: 0 });
  expect(readdirSync(directory)).toEqual(["amd64", "arm64"]);
  const { code, stderr } = await asked("both");
  expect(code).toBe(1);
  expect(stderr).toContain("two platforms have a file Dockerfile");
});

test.each([
  [["-o", "type=image,compression=zstd"], "ERROR: the store keeps layers as they are"],
  [["-o", "type=docker,compression=gzip"], "ERROR: the store keeps layers as they are"],
  [["-o", "type=docker,dest=-,compression-level=1"], "ERROR: compression-level has no meaning"],
  [["-o", "type=image,push=true,name=a:1,push-by-digest=true"], "ERROR: can't push tagged ref a:1 by digest"],
  [
    ["-o", "type=oci,compression=zstd,oci-mediatypes=false"],
    'ERROR: exporter option "compression=zstd" conflicts with',
  ],
  [["-o", "type=oci,compression-level=x"], "ERROR: non-integer value x specified for compression-level"],
  [["-o", "type=oci,compression-level=10"], "ERROR: compression-level of gzip goes from 0 to 9"],
  [["-o", "type=oci,compression=uncompressed,compression-level=1"], "ERROR: compression-level has no meaning"],
  [["-o", "type=oci,rewrite-timestamp=true"], "ERROR: rewrite-timestamp needs SOURCE_DATE_EPOCH"],
  [["-o", "type=oci,tar=false"], "ERROR: dest is required for oci exporter"],
  [["-o", "type=image,store=false"], "ERROR: what berth builds is in its store"],
  [["-o", "type=docker,dest=-", "--annotation", "a=b"], "ERROR: Docker's archive holds no annotations"],
  [["-o", "type=oci,annotation-index-descriptor.a=b"], "ERROR: berth has no annotations for the index-descriptor"],
  [["--annotation", "bogus:a=b"], 'ERROR: failed to parse annotations: unknown annotation type "bogus"'],
  [["--annotation", "index:a=b"], "ERROR: failed to solve: index annotations not supported for single platform export"],
  [
    ["--annotation", "manifest[linux/s390x]:a=b"],
    "ERROR: failed to solve: invalid annotation: no platform linux/s390x",
  ],
])("what can't be is refused before anything is built: %j", async (args, says) => {
  const { code, stdout, stderr } = await build(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(says);
});

test("nothing is wrong with the store after all that", async () => {
  const { problems } = JSON.parse((await berth.run(["system", "check", "--format", "json"])).stdout);
  expect(problems).toEqual([]);
});
