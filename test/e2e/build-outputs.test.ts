import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry } from "../support/registry.ts";

let berth: Berth;
let context: string;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
  const Dockerfile = `FROM busybox AS made
RUN mkdir -p /out/deep && echo made > /out/deep/file && ln -s deep/file /out/link && chmod 4755 /out/deep/file && \\
  ln /out/deep/file /out/again && chown -h 5:6 /out/link && touch /out/gone
RUN rm /out/gone
FROM scratch
COPY --from=made /out /
`;
  context = await berth.files("context", { Dockerfile });
});
afterAll(() => berth[Symbol.asyncDispose]());

const place = () => join(berth.directory, randomUUID());
const build = (...args: readonly string[]) => berth.run(["build", "--network", "none", ...args, context]);
const imageCount = async () => (await berth.out(["image", "ls", "-aq"])).split("\n").length;

describe("the files of a target", () => {
  test("go into a directory, beside what is there, as files of whoever builds; no image is made", async () => {
    const out = place();
    mkdirSync(out);
    writeFileSync(join(out, "old"), "stays");
    writeFileSync(join(out, "again"), "is replaced");
    const images = await imageCount();
    const { code, stderr } = await build("-o", out, "-t", "unmade");
    expect(stderr).toContain("WARNING: no image was made that a tag could name");
    expect(code).toBe(0);
    expect(await imageCount()).toBe(images);
    expect(readdirSync(out).sort()).toEqual(["again", "deep", "link", "old"]);
    expect(readFileSync(join(out, "again"), "utf8")).toBe("made\n");
    expect(readlinkSync(join(out, "link"))).toBe("deep/file");
    const [file, link] = [lstatSync(join(out, "deep/file")), lstatSync(join(out, "link"))];
    expect([file.mode & 0o7777, file.nlink, link.uid, link.gid]).toEqual([
      0o4755,
      2,
      process.geteuid?.(),
      process.getegid?.(),
    ]);
    // A second time over itself.
    expect((await build("-o", out)).code).toBe(0);
  });

  test("never go through a symbolic link out of the directory", async () => {
    const [out, elsewhere] = [place(), place()];
    for (const directory of [out, elsewhere]) mkdirSync(directory);
    expect((await runProgram("ln", ["-s", elsewhere, join(out, "deep")])).code).toBe(0);
    expect((await build("-o", out)).code).toBe(1);
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test("go into an archive, a file or standard output", async () => {
    const file = place();
    expect((await build("-o", `type=tar,dest=${file}`)).code).toBe(0);
    expect(lstatSync(file).mode & 0o777).toBe(0o666 & ~process.umask());
    const listed = await runProgram("tar", ["-tvf", file]);
    expect(listed.stdout.split("\n").map((line) => line.split(/\s+/).slice(5).join(" "))).toEqual([
      "again",
      "deep/",
      "deep/file link to again",
      "link -> deep/file",
      "",
    ]);
    const { code, stdout } = await build("-q", "-o", "-");
    expect(code).toBe(0);
    expect(stdout).toBe(readFileSync(file, "utf8"));
  });

  test("stay in the cache alone with type=cacheonly", async () => {
    const images = await imageCount();
    expect(await build("-q", "--no-cache", "-o", "type=cacheonly")).toMatchObject({ code: 0, stdout: "" });
    expect(await imageCount()).toBe(images);
  });
});

describe("an image", () => {
  test("goes into an OCI layout and Docker's archive at once, under its names, and is in the store", async () => {
    const [oci, docker, metadata] = [place(), place(), place()];
    const outputs = ["-o", `type=oci,dest=${oci},compression=zstd`, "-o", `type=docker,dest=${docker},name=other`];
    expect((await build(...outputs, "-t", "twice", "--metadata-file", metadata)).code).toBe(0);
    const id = await berth.out(["inspect", "--format", "{{.Id}}", "twice"]);
    expect(JSON.parse(readFileSync(metadata, "utf8"))).toMatchObject({ "containerimage.config.digest": id });
    const index = await runProgram("tar", ["-xOf", oci, "index.json"]);
    const [{ digest }] = JSON.parse(index.stdout).manifests;
    const manifest = await runProgram("tar", ["-xOf", oci, `blobs/${digest.replace(":", "/")}`]);
    expect(JSON.parse(manifest.stdout).layers[0].mediaType).toBe("application/vnd.oci.image.layer.v1.tar+zstd");
    await berth.out(["rmi", "twice"]);
    expect(await berth.out(["load", "-i", docker])).toBe("Loaded image: twice:latest");
    expect(await berth.out(["inspect", "--format", "{{.Id}}", "twice"])).toBe(id);
  });

  test("gets the names of its output where no tag is given", async () => {
    expect((await build("-o", 'type=image,"name=one:1,two:2"')).code).toBe(0);
    const ids = await berth.out(["inspect", "--format", "{{.Id}}", "one:1", "two:2"]);
    expect(new Set(ids.split("\n")).size).toBe(1);
  });

  test("is pushed under all of its names, and the registry's digest is told", async () => {
    await using registry = await openRegistry();
    const metadata = place();
    const names = [1, 2].map((tag) => `${registry.host}/team/app:${tag}`);
    const tags = names.flatMap((name) => ["-t", name]);
    const { code, stderr } = await build("--push", "--progress", "plain", "--metadata-file", metadata, ...tags);
    expect(stderr).toContain(`pushing ${names[1]}`);
    expect(code).toBe(0);
    const digest = await berth.out(["image", "digest", names[0] ?? ""]);
    expect(JSON.parse(readFileSync(metadata, "utf8"))).toMatchObject({ "containerimage.digest": digest });
    for (const name of names)
      expect(await berth.out(["imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name])).toBe(digest);
  });
});

test.each([
  [["-o", "bogus=1,a"], "ERROR: invalid value a"],
  [["-o", "a,b"], "ERROR: invalid value a"],
  [["-o", "dest=x,name=y"], "ERROR: type is required for output"],
  [["-o", "type=bogus"], 'ERROR: exporter "bogus" could not be found'],
  [["-o", "type=local"], "ERROR: dest is required for local exporter"],
  [["-o", "type=local,dest=-"], "ERROR: dest cannot be stdout for local exporter"],
  [["-o", "type=tar,dest=/"], "ERROR: destination file / is a directory"],
  [["-o", "type=image,push=maybe"], "ERROR: non-bool value specified for push"],
  [["-o", "type=oci,compression=estargz"], "ERROR: berth compresses layers with gzip, zstd or uncompressed"],
  [["-o", "type=image,unpack=true"], "ERROR: berth doesn't have the attribute unpack of the output image yet"],
  [["-o", "-", "-o", "type=oci"], "ERROR: only one output can be written to standard output"],
  [["--push"], "ERROR: tag is needed when pushing to registry"],
  [["--iidfile", "/nowhere/iid"], "ERROR: writing image ID file: open /nowhere/iid: no such file or directory"],
  [["--metadata-file", "/nowhere/m"], "ERROR: invalid output path: stat /nowhere: no such file or directory"],
  [["--iidfile", "iid", "-o", "type=cacheonly"], "ERROR: --iidfile needs an image"],
])("an output that can't be made is refused before anything is built: %j", async (args, says) => {
  const { code, stdout, stderr } = await build(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr.startsWith(says)).toBe(true);
});
