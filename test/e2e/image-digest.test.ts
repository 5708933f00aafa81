import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf } from "../../src/oci/digest.ts";
import { type Berth, openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { writeMultiPlatform } from "../support/multi-platform.ts";

let berth: Berth;

beforeAll(async () => {
  berth = await openBerthWithBusybox();
  const context = await berth.files("context", {
    Dockerfile: "FROM busybox\nCOPY file /\n",
    file: "content\n".repeat(1000),
  });
  await berth.out(["build", "-q", "-t", "app:1", context]);
});
afterAll(() => berth[Symbol.asyncDispose]());

async function expectClean(store: Berth): Promise<void> {
  expect((await store.run(["system", "check"])).stdout).toContain("Everything is as it should be.");
}

/** A file of an archive. */
const fileIn = (archive: string, name: string): Buffer =>
  execFileSync("tar", ["-xOf", archive, name], { maxBuffer: 1 << 24 });

/** The digest of the one image that a layout lists. */
function digestIn(archive: string): string {
  const { manifests } = JSON.parse(fileIn(archive, "index.json").toString());
  expect(manifests).toHaveLength(1);
  return manifests[0].digest;
}

/** A blob of a layout, checked. */
function blobIn(archive: string, digest: string): Buffer {
  const bytes = fileIn(archive, `blobs/sha256/${digest.replace("sha256:", "")}`);
  expect(digestOf(bytes)).toBe(digest);
  return bytes;
}

describe("image digest", () => {
  test.each(["gzip", "zstd", "none"])(
    "tells the digest that a layout saved with %s has, here and in another store",
    async (how) => {
      const flags = ["--compression", how];
      const digest = await berth.out(["image", "digest", ...flags, "app:1"]);
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      const file = join(berth.directory, `${how}.tar`);
      await berth.out(["save", "--format", "oci", ...flags, "-o", file, "app:1"]);
      expect(digestIn(file)).toBe(digest);
      const { layers } = JSON.parse(blobIn(file, digest).toString());
      const suffix = how === "none" ? "" : `+${how}`;
      expect(layers).toHaveLength(2);
      for (const layer of layers) {
        expect(layer.mediaType).toBe(`application/vnd.oci.image.layer.v1.tar${suffix}`);
        expect(blobIn(file, layer.digest)).toHaveLength(layer.size);
      }
      await using other = openBerth();
      await other.out(["load", "-q", "-i", file]);
      expect(await other.out(["image", "digest", ...flags, "app:1"])).toBe(digest);
      // Its manifest came with it: nothing needs to be said of how it is compressed.
      expect(await other.out(["image", "digest", "app:1"])).toBe(digest);
      await other.out(["save", "--format", "oci", "-o", "again.tar", "app:1"]);
      expect(digestIn(join(other.directory, "again.tar"))).toBe(digest);
      expect(await other.out(["inspect", "-f", "{{.Id}}", "app:1"])).toBe(
        await berth.out(["inspect", "-f", "{{.Id}}", "app:1"]),
      );
      await expectClean(other);
    },
  );

  test("is that with gzip where nothing is said; names come in their order, and one that isn't there doesn't stop the rest", async () => {
    const [app, box] = await Promise.all(
      ["app:1", "busybox"].map((name) => berth.out(["image", "digest", "--compression", "gzip", name])),
    );
    const { code, stdout, stderr } = await berth.run(["image", "digest", "app:1", "nosuch", "busybox"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: `${app}\n${box}\n` });
    expect(stderr).toContain("No such image: nosuch:latest");
    await expectClean(berth);
  });

  test("of an image for several platforms is that of its index, or of one platform's manifest as it came", async () => {
    await using other = openBerth();
    const multi = writeMultiPlatform(join(other.directory, "layout"), { name: "docker.io/library/multi:1" });
    await other.out(["load", "-q", "-i", "layout"]);
    expect(await other.out(["image", "digest", "multi:1"])).toBe(multi.digest);
    for (const [platform, { manifest }] of multi.images) {
      expect(await other.out(["image", "digest", "--platform", platform, "multi:1"])).toBe(manifest);
    }
    const refused = await other.run(["image", "digest", "--compression", "gzip", "multi:1"]);
    expect(refused).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("Pick one image of it by `--platform`"),
    });
    const saved = await other.run(["save", "--format", "oci", "--compression", "gzip", "-o", "x.tar", "multi:1"]);
    expect(saved).toMatchObject({ code: 1, stderr: expect.stringContaining("several platforms") });
    const flags = ["--compression", "zstd", "--platform", "linux/amd64"];
    await other.out(["save", "--format", "oci", ...flags, "-o", "amd64.tar", "multi:1"]);
    expect(digestIn(join(other.directory, "amd64.tar"))).toBe(
      await other.out(["image", "digest", ...flags, "multi:1"]),
    );
  });

  test("what can't be compressed is refused, and so is another way to compress", async () => {
    const docker = await berth.run(["save", "--compression", "gzip", "app:1"]);
    expect(docker).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("layers are not compressed in Docker's archive"),
    });
    expect(await berth.run(["image", "digest", "--compression", "xz", "app:1"])).toMatchObject({
      code: 125,
      stderr: expect.stringContaining('must be "gzip", "zstd" or "none"'),
    });
  });
});

describe("a name by digest", () => {
  const sha = `sha256:${"5".repeat(64)}`;
  const registry = "127.0.0.1:5000";

  /** Give an image names in the registry, and digests as a push leaves them. */
  async function pushed(name: string, tags: readonly string[]): Promise<string> {
    const id = await berth.out(["inspect", "-f", "{{.Id}}", name]);
    for (const tag of tags) await berth.out(["tag", name, `${registry}/${tag}`]);
    using records = new DatabaseSync(join(berth.env["BERTH_ROOT"] ?? "", "metadata.db"));
    const add = records.prepare("INSERT OR REPLACE INTO repo_digest (reference, image_id) VALUES (?, ?)");
    const repositories = new Set(tags.map((tag) => tag.split(":")[0]));
    for (const repository of repositories) add.run(`${registry}/${repository}@${sha}`, id);
    return id;
  }

  const untagged = (...names: readonly string[]): string =>
    names.map((name) => `Untagged: ${registry}/${name}`).join("\n");
  const namesOf = (key: string, name: string): Promise<string> =>
    berth.out(["inspect", "-f", `{{json .${key}}}`, name]);

  test("is shown, found and removed as Docker does it", async () => {
    await pushed("busybox", ["a/box:1", "a/box:2", "b/box:1"]);
    expect(JSON.parse(await namesOf("RepoDigests", "busybox"))).toEqual([
      `${registry}/a/box@${sha}`,
      `${registry}/b/box@${sha}`,
    ]);
    expect(JSON.parse(await namesOf("RepoTags", `${registry}/b/box@${sha}`))).toEqual([
      `${registry}/a/box:1`,
      `${registry}/a/box:2`,
      `${registry}/b/box:1`,
      "busybox:latest",
    ]);
    const digests = await berth.out([
      "images",
      "--digests",
      "--format",
      "{{.Repository}} {{.Tag}} {{.Digest}}",
      `${registry}/*/box`,
    ]);
    expect(new Set(digests.split("\n"))).toEqual(
      new Set(["a/box 1", "a/box 2", "b/box 1"].map((name) => `${registry}/${name} ${sha}`)),
    );
    expect(await berth.out(["rmi", `${registry}/a/box:1`])).toBe(untagged("a/box:1"));
    expect(await berth.out(["rmi", `${registry}/a/box:2`])).toBe(untagged("a/box:2", `a/box@${sha}`));
    expect(await berth.out(["rmi", `${registry}/b/box@${sha}`])).toBe(untagged(`b/box@${sha}`));
    expect(await namesOf("RepoDigests", "busybox")).toBe("[]");
    expect(await berth.out(["rmi", `${registry}/b/box:1`])).toBe(untagged("b/box:1"));
    expect((await berth.run(["rmi", `${registry}/b/box@${sha}`])).stderr).toContain(
      `No such image: ${registry}/b/box@${sha}`,
    );
    await expectClean(berth);
  });

  const imported = (name: string): Promise<string> =>
    berth.out(["import", "-m", name, baseArchives().busybox, name], { env: { SOURCE_DATE_EPOCH: "1" } });

  test("and a tag of the same repository are one name; those of several have to be forced", async () => {
    await imported("solo");
    const id = await pushed("solo", ["a/solo:1"]);
    await berth.out(["rmi", "solo"]);
    const lines = (await berth.out(["rmi", id])).split("\n");
    expect(lines).toEqual([...untagged("a/solo:1", `a/solo@${sha}`).split("\n"), `Deleted: ${id}`]);

    await imported("twice");
    const other = await pushed("twice", ["a/twice:1", "b/twice:1"]);
    await berth.out(["rmi", "twice"]);
    const refused = `unable to delete ${other.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`;
    expect((await berth.run(["rmi", other])).stderr).toContain(refused);
    await berth.out(["rmi", `${registry}/b/twice:1`]);
    expect(await berth.out(["rmi", `${registry}/a/twice@${sha}`])).toBe(untagged(`a/twice@${sha}`));
    expect(await berth.out(["rmi", `${registry}/a/twice:1`])).toContain(`Deleted: ${other}`);
  });

  test("alone is no tag: the image is listed without one, and is pruned", async () => {
    await imported("dangling");
    const id = await pushed("dangling", ["a/dangling:1"]);
    {
      using records = new DatabaseSync(join(berth.env["BERTH_ROOT"] ?? "", "metadata.db"));
      records.exec("DELETE FROM image_reference WHERE reference LIKE '%dangling%'");
    }
    const list = ["images", "--format", "{{.Repository}} {{.Tag}}", "--filter", "dangling=true"];
    expect(await berth.out(list)).toBe(`${registry}/a/dangling <none>`);
    const pruned = await berth.out(["image", "prune", "-f"]);
    expect(pruned).toContain(`untagged: ${registry}/a/dangling@${sha}\ndeleted: ${id}`);
    await expectClean(berth);
  });
});
