import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Berth, openBerth } from "../support/berth.ts";
import { type MultiPlatform, type MultiPlatformOptions, writeMultiPlatform } from "../support/multi-platform.ts";

let berth: Berth;
beforeEach(() => {
  berth = openBerth();
});
afterEach(() => berth[Symbol.asyncDispose]());

const named = { name: "docker.io/library/multi:1" };
const offline = ["--network", "none"];
const short = (digest: string | undefined): string => (digest ?? "").slice(7, 19);
const idOf = ({ images }: MultiPlatform, platform: string): string => images.get(platform)?.id ?? "";
const lines = (text: string): readonly string[] => text.split("\n").map((line) => line.trimEnd());

/** Load the image for several platforms. */
async function loaded(options: MultiPlatformOptions = named, ...flags: readonly string[]): Promise<MultiPlatform> {
  const layout = join(berth.directory, "layout");
  const multi = writeMultiPlatform(layout, options);
  await berth.out(["load", "-i", layout, ...flags]);
  return multi;
}

const blobs = (): readonly string[] => readdirSync(join(berth.env["BERTH_ROOT"] ?? "", "blobs/sha256"));

/** Nothing is wrong with the store, and nothing is left over. */
async function expectClean(of: Berth = berth): Promise<void> {
  const { problems } = JSON.parse((await of.run(["system", "check", "--format", "json"])).stdout);
  expect(problems).toEqual([]);
}

async function expectEmpty(): Promise<void> {
  await expectClean();
  expect(await berth.out(["images", "-aq"])).toBe("");
  expect(await berth.out(["system", "df", "--all"])).not.toMatch(/^(image|layer|temporary|nobody) /m);
}

/** The first columns of `images --tree`: name and ID. */
async function tree(): Promise<readonly string[]> {
  const rows = lines(await berth.out(["images", "--tree"])).slice(1);
  return rows.map((line) => line.split(/ {2,}/).slice(0, 2).join("  "));
}

describe.each<readonly [string, MultiPlatformOptions]>([
  ["an index whose layers are compressed", {}],
  ["an index whose layers are as they are", { packed: false }],
  ["an index in an index", { shape: "nested" }],
  ["a layout that lists the manifests of one image", { shape: "list" }],
])("%s", (_, options) => {
  test("comes in whole, is one image, comes out as it was, and leaves nothing", async () => {
    const multi = await loaded({ ...named, ...options });
    const [amd, arm, s390x] = ["linux/amd64", "linux/arm64/v8", "linux/s390x"].map((each) => idOf(multi, each));
    expect(await berth.out(["images", "-aq", "--no-trunc"])).toBe(amd);
    expect(await tree()).toEqual([
      `multi:1  ${short(multi.digest)}`,
      `├─ linux/amd64  ${short(amd)}`,
      `├─ linux/arm64/v8  ${short(arm)}`,
      `└─ linux/s390x  ${short(s390x)}`,
    ]);
    await expectClean();
    await berth.out(["save", "--format", "oci", "-o", "out.tar", "multi:1"]);
    const list = JSON.parse(execFileSync("tar", ["-xOf", join(berth.directory, "out.tar"), "index.json"]).toString());
    expect(list.manifests.map(({ digest }: { digest: string }) => digest)).toEqual([multi.digest]);

    await using other = openBerth();
    const archive = join(berth.directory, "out.tar");
    expect(await other.out(["load", "-i", archive])).toBe("Loaded image: multi:1");
    expect(await other.out(["images", "--tree"])).toBe(await berth.out(["images", "--tree"]));
    await other.out(["save", "--format", "oci", "-o", "again.tar", "multi:1"]);
    execFileSync("cmp", [archive, join(other.directory, "again.tar")]);
    await expectClean(other);

    const removed = lines(await berth.out(["rmi", "multi:1"]));
    expect(removed.slice(0, 2)).toEqual(["Untagged: multi:1", `Deleted: ${multi.digest}`]);
    expect(removed).toEqual(expect.arrayContaining([amd, arm, s390x].map((id) => `Deleted: ${id}`)));
    await expectEmpty();
  });
});

test("the tree has Docker's columns, and marks what a container uses and what isn't there", async () => {
  const multi = await loaded(named, "--platform", "linux/amd64,linux/arm64");
  await berth.out(["tag", "multi:1", "team/with-a-longer-name:2"]);
  await berth.out(["create", "--platform", "linux/arm64", "multi:1"]);
  const shown = lines(await berth.out(["images", "--tree"]));
  expect(shown[0]).toMatch(/^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA$/);
  expect(shown.slice(1).map((line) => line.split(/ {2,}/))).toEqual([
    ["team/with-a-longer-name:2"],
    ["multi:1", short(multi.digest), expect.stringMatching(/MB$/), expect.stringMatching(/MB$/), "U"],
    ["├─ linux/amd64", short(idOf(multi, "linux/amd64")), expect.stringMatching(/MB$/), expect.stringMatching(/MB$/)],
    ["├─ linux/arm64/v8", short(idOf(multi, "linux/arm64/v8")), expect.anything(), expect.anything(), "U"],
    ["└─ linux/s390x", "-", "-", "-"],
  ]);
  const { stderr } = await berth.run(["images", "--tree", "-q"]);
  expect(stderr).toContain("--quiet is not yet supported with --tree");
});

test("system df -v and image tree tell of each platform by the index's name", async () => {
  const multi = await loaded();
  const ids = [...multi.images.values()].map(({ id }) => short(id));
  const usage = lines(await berth.out(["system", "df", "-v"]));
  const rows = usage.flatMap((line) => /^multi +1 +(\w{12}) /.exec(line)?.[1] ?? []);
  expect(rows.toSorted()).toEqual(ids.toSorted());
  const drawn = await berth.out(["image", "tree"]);
  for (const id of ids) expect(drawn).toMatch(new RegExp(`multi:1 .*${id}|${id}.* multi:1`));
  // What is kept beside the layers takes space, too: some 1.1 MB of compressed layers.
  const size = await berth.out(["system", "df", "--format", "{{.Size}}"]);
  expect(Number.parseFloat(lines(size)[0] ?? "")).toBeGreaterThan(2.9);
});

describe("load", () => {
  test("takes the platforms that are asked for, and adds to them", async () => {
    const multi = await loaded(named, "--platform", "linux/arm64");
    const id = ["image", "inspect", "-f", "{{.Id}} {{.Architecture}} {{.RepoTags}}"];
    expect(await berth.out([...id, "multi:1"])).toBe(`${idOf(multi, "linux/arm64/v8")} arm64 [multi:1]`);
    const again = await berth.out(["load", "-i", "layout", "--platform", "linux/amd64"]);
    expect(again).toBe("Loaded image: multi:1");
    expect(await berth.out([...id, "multi:1"])).toBe(`${idOf(multi, "linux/amd64")} amd64 [multi:1]`);
    const shown = await tree();
    expect(shown.map((line) => / -$/.test(line))).toEqual([false, false, false, true]);
    await expectClean();
  });

  test("refuses a platform that isn't there, and leaves nothing", async () => {
    const layout = join(berth.directory, "layout");
    writeMultiPlatform(layout, { ...named, without: ["linux/s390x"] });
    const run = (platform: string) => berth.run(["load", "-i", layout, "--platform", platform]);
    expect(await run("linux/ppc64le")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("requested platform(s) ([linux/ppc64le]) not found"),
    });
    expect(await run("linux/s390x")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("requested platform(s) ([linux/s390x]) found, but some content is missing"),
    });
    await expectEmpty();
  });

  test("takes what the archive has, and keeps the rest of the index as absent", async () => {
    const multi = await loaded({ ...named, without: ["linux/amd64", "linux/s390x"] });
    expect(await tree()).toEqual([
      `multi:1  ${short(multi.digest)}`,
      "├─ linux/amd64  -",
      `├─ linux/arm64/v8  ${short(idOf(multi, "linux/arm64/v8"))}`,
      "└─ linux/s390x  -",
    ]);
    const absent = ["run", ...offline, "--platform", "linux/amd64", "multi:1"];
    expect((await berth.run(absent)).stderr).toContain("Unable to find image 'multi:1' locally\n");
    expect((await berth.run(["run", "--pull", "never", ...absent.slice(1)])).stderr).toContain(
      "image with reference multi:1 was found but does not provide the specified platform (linux/amd64)",
    );
    await expectClean();
  });

  test.each(["nested", "list"] as const)(
    "takes what is asked for of a layout that is %s, and adds to it",
    async (shape) => {
      const multi = await loaded({ ...named, shape }, "--platform", "linux/s390x");
      expect((await tree()).slice(1).map((line) => / -$/.test(line))).toEqual([true, true, false]);
      await expectClean();
      await berth.out(["load", "-i", "layout"]);
      expect(await berth.out(["run", "--rm", ...offline, "multi:1"])).toBe("linux/amd64");
      const removed = await berth.out(["rmi", "-f", "--platform", "linux/arm64", "multi:1"]);
      expect(removed).toContain(`Deleted: ${multi.images.get("linux/arm64/v8")?.manifest}`);
      expect((await tree()).slice(1).map((line) => / -$/.test(line))).toEqual([false, true, false]);
      await berth.out(["save", "--format", "oci", "-o", "rest.tar", "multi:1"]);
      const saved = execFileSync("tar", ["-tf", join(berth.directory, "rest.tar")]).toString();
      for (const digest of [multi.digest, multi.attestation]) expect(saved).toContain(digest.slice("sha256:".length));
      await using other = openBerth();
      await other.out(["load", "-i", join(berth.directory, "rest.tar")]);
      expect(await other.out(["images", "--tree"])).toBe(await berth.out(["images", "--tree"]));
      await expectClean();
      await berth.out(["rmi", "multi:1"]);
      await expectEmpty();
    },
  );

  test("takes no name apart: each has what the layout lists under it, and one without platforms is told by its config", async () => {
    const layout = join(berth.directory, "layout");
    const multi = writeMultiPlatform(layout, { shape: "list" });
    const file = join(layout, "index.json");
    const [amd, arm, s390x] = JSON.parse(readFileSync(file, "utf8")).manifests;
    const named = (entry: object, name: string) => ({
      ...entry,
      annotations: { "org.opencontainers.image.ref.name": name },
    });
    const list = [amd, arm].map(({ platform: _, ...entry }) => named(entry, "r.io/two:1"));
    const manifests = [...list, named(s390x, "r.io/one:1"), named(amd, "r.io/new:1"), named(amd, "r.io/new:1")];
    writeFileSync(file, JSON.stringify({ schemaVersion: 2, manifests }));
    await berth.out(["load", "-i", layout]);
    const parts = (await tree()).join("\n").split("\n\n").toSorted();
    const row = (platform: string): string => `─ ${platform}  ${short(idOf(multi, platform))}`;
    expect(parts).toEqual([
      expect.stringMatching(`^r.io/new:1 .*\n└${row("linux/amd64")}$`),
      expect.stringMatching(`^r.io/one:1 .*\n└${row("linux/s390x")}$`),
      expect.stringMatching(`^r.io/two:1 .*\n├${row("linux/amd64")}\n└${row("linux/arm64/v8")}$`),
    ]);
    await expectClean();
  });

  test("says so when the archive has nothing for a platform", async () => {
    await loaded();
    await berth.out(["save", "-o", "one.tar", "multi:1"]);
    await berth.out(["rmi", "multi:1"]);
    expect(await berth.run(["load", "-i", "one.tar", "--platform", "linux/s390x,linux/arm64"])).toMatchObject({
      code: 1,
      stdout: "",
      stderr:
        "no images providing the requested platform(s) found: [linux/s390x linux/arm64]\nhint: The archive has an image for linux/amd64.\n",
    });
    await expectEmpty();
  });

  test("names an index without a name by its digest, which goes for it from then on", async () => {
    const layout = join(berth.directory, "layout");
    const { digest } = writeMultiPlatform(layout);
    expect(await berth.out(["load", "-i", layout])).toBe(`Loaded image ID: ${digest}`);
    expect((await tree())[0]).toBe(`<untagged>  ${short(digest)}`);
    await berth.out(["tag", short(digest), "now:named"]);
    expect((await tree())[0]).toBe(`now:named  ${short(digest)}`);
    await berth.out(["rmi", digest]);
    await expectEmpty();
  });
});

describe("save", () => {
  test("writes one platform as it came, or several in their index", async () => {
    const multi = await loaded();
    const saved = async (platform: string): Promise<Berth> => {
      await berth.out(["save", "--format", "oci", "--platform", platform, "-o", "some.tar", "multi:1"]);
      const other = openBerth();
      await other.out(["load", "-i", join(berth.directory, "some.tar")]);
      return other;
    };
    await using one = await saved("linux/arm64");
    expect(await one.out(["images", "-q", "--no-trunc"])).toBe(idOf(multi, "linux/arm64/v8"));
    const list = JSON.parse(execFileSync("tar", ["-xOf", join(berth.directory, "some.tar"), "index.json"]).toString());
    expect(list.manifests[0].digest).toBe(multi.images.get("linux/arm64/v8")?.manifest);

    await using two = await saved("linux/arm64,linux/s390x");
    const shown = lines(await two.out(["images", "--tree"])).map((line) => line.split(/ {2,}/)[1]);
    expect(shown.slice(1)).toEqual([
      short(multi.digest),
      "-",
      short(idOf(multi, "linux/arm64/v8")),
      short(idOf(multi, "linux/s390x")),
    ]);
    await expectClean(two);
  });

  test("in Docker's format writes one platform, this machine's unless told", async () => {
    const multi = await loaded();
    const config = async (...flags: readonly string[]): Promise<string> => {
      await berth.out(["save", "-o", "docker.tar", ...flags, "multi:1"]);
      const archive = join(berth.directory, "docker.tar");
      const [{ Config, RepoTags }] = JSON.parse(execFileSync("tar", ["-xOf", archive, "manifest.json"]).toString());
      return `${Config.replace("blobs/sha256/", "sha256:")} ${RepoTags}`;
    };
    expect(await config()).toBe(`${idOf(multi, "linux/amd64")} multi:1`);
    expect(await config("--platform", "")).toBe(await config());
    expect(await config("--platform", "linux/arm64")).toBe(`${idOf(multi, "linux/arm64/v8")} multi:1`);
    const refused = await berth.run(["save", "-o", "x.tar", "--platform", "linux/arm64,linux/amd64", "multi:1"]);
    expect(refused.stderr).toMatch(/one platform only\nhint: `berth save --format oci`/);
    for (const format of ["docker", "oci"]) {
      const absent = await berth.run(["save", "--format", format, "-o", "x.tar", "--platform", "linux/386", "multi:1"]);
      expect(absent.stderr).toContain("no suitable export target found for platform linux/386");
      expect(absent.stderr).toContain("The store has it for linux/amd64, linux/arm64/v8, linux/s390x.");
    }
  });
});

test("an image without layers is saved as a layout, which has it whole, and not in Docker's format", async () => {
  const context = await berth.files("bare", { Dockerfile: 'FROM scratch\nCMD ["x"]\n' });
  const id = await berth.out(["build", "-q", "-t", "bare", context]);
  expect((await berth.run(["save", "-o", "bare.tar", "bare"])).stderr).toContain("empty export - not implemented");
  await berth.out(["save", "--format", "oci", "-o", "bare.tar", "bare"]);
  await berth.out(["rmi", "bare"]);
  await berth.out(["load", "-i", join(berth.directory, "bare.tar")]);
  expect(await berth.out(["images", "-q", "--no-trunc", "bare"])).toBe(id);
  await berth.out(["rmi", "bare"]);
  await berth.out(["builder", "prune", "-af"]);
});

describe("rmi", () => {
  test("takes a name away, and what it leads to with the last one", async () => {
    await loaded();
    await berth.out(["tag", "multi:1", "other:1"]);
    expect(await berth.out(["rmi", "multi:1"])).toBe("Untagged: multi:1");
    expect((await tree())[0]).toMatch(/^other:1/);
    await berth.out(["rmi", "other:1"]);
    await expectEmpty();
  });

  test("spares an image that has a name of its own, or is in another index", async () => {
    const multi = await loaded();
    await berth.out(["tag", idOf(multi, "linux/arm64/v8"), "arm:1"]);
    await berth.out(["rmi", "multi:1"]);
    expect(await tree()).toEqual([
      `arm:1  ${short(idOf(multi, "linux/arm64/v8"))}`,
      `└─ linux/arm64/v8  ${short(idOf(multi, "linux/arm64/v8"))}`,
    ]);
    await expectClean();
    await berth.out(["load", "-i", "layout"]);
    expect(await berth.out(["rmi", "arm:1"])).toBe("Untagged: arm:1");
    expect((await tree()).length).toBe(4);
    await expectClean();
  });

  test("refuses while a container uses one of the platforms", async () => {
    await loaded();
    await berth.out(["create", "--name", "user", "--platform", "linux/arm64", "multi:1"]);
    const { code, stderr } = await berth.run(["rmi", "multi:1"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /unable to remove repository reference "multi:1" \(must force\) - container \w{12} is using/,
    );
    await berth.out(["rmi", "-f", "multi:1"]);
    await berth.out(["rm", "user"]);
    await expectEmpty();
  });

  test("--platform of an image that isn't there is told as that", async () => {
    expect(await berth.run(["rmi", "--platform", "linux/amd64", "nosuch"])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error response from daemon: No such image: nosuch:latest\n/),
    });
  });

  test("--platform takes one of them, when forced, and never the last", async () => {
    const multi = await loaded();
    const unforced = await berth.run(["rmi", "--platform", "linux/arm64", "multi:1"]);
    expect(unforced.stderr).toContain("Content will be removed from all images referencing this variant.");
    const removed = lines(await berth.out(["rmi", "-f", "--platform", "linux/amd64", "multi:1"]));
    expect(removed.slice(0, 2)).toEqual([
      `Deleted: ${multi.images.get("linux/amd64")?.manifest}`,
      `Deleted: ${idOf(multi, "linux/amd64")}`,
    ]);
    expect(await berth.out(["images", "-q"])).toBe(short(idOf(multi, "linux/arm64/v8")));
    await expectClean();
    const absent = await berth.run(["rmi", "-f", "--platform", "linux/amd64", "multi:1"]);
    expect(absent.stderr).toContain("does not provide the specified platform (linux/amd64)");
    await berth.out(["rmi", "-f", "--platform", "linux/arm64", "multi:1"]);
    const last = await berth.run(["rmi", "-f", "--platform", "linux/s390x", "multi:1"]);
    expect(last.stderr).toMatch(/linux\/s390x is the only platform of multi:1 in the store\nhint: `berth rmi multi:1`/);
    await expectClean();
    await berth.out(["rmi", "multi:1"]);
    await expectEmpty();
  });

  test("of a platform's image by its ID must be forced", async () => {
    const multi = await loaded();
    const arm = idOf(multi, "linux/arm64/v8");
    const { stderr } = await berth.run(["rmi", arm]);
    expect(stderr).toContain(`unable to delete ${short(arm)} (must be forced) - image is a platform of multi:1`);
    await berth.out(["rmi", "-f", arm]);
    expect((await tree())[2]).toBe("├─ linux/arm64/v8  -");
    await expectClean();
    await berth.out(["rmi", idOf(multi, "linux/amd64")]);
    await expectEmpty();
  });
});

describe("prune", () => {
  test("spares the platforms of an image that has a name, and takes them all with one that hasn't", async () => {
    await loaded();
    expect(await berth.out(["image", "prune", "-f"])).toBe("Total reclaimed space: 0B");
    expect(await berth.out(["images", "-f", "dangling=true", "-q"])).toBe("");
    expect((await tree()).length).toBe(4);
    // The name goes to another.
    await berth.out(["import", "-", "multi:1"], { input: Buffer.alloc(1024) });
    expect((await tree()).filter((line) => line.startsWith("<untagged>")).length).toBe(1);
    await expectClean();
    await berth.out(["image", "prune", "-f"]);
    await berth.out(["rmi", "multi:1"]);
    await expectEmpty();
  });

  test("takes an index without a name whose image has one", async () => {
    const multi = await loaded();
    await berth.out(["tag", idOf(multi, "linux/amd64"), "multi:1"]);
    expect((await tree()).length).toBe(7);
    await berth.out(["image", "prune", "-f"]);
    expect((await tree()).length).toBe(2);
    await expectClean();
    expect(await berth.out(["run", "--rm", ...offline, "multi:1"])).toBe("linux/amd64");
  });

  test("-a takes all of it", async () => {
    await loaded();
    await berth.out(["image", "prune", "-af"]);
    await expectEmpty();
  });
});

describe("a platform is chosen by", () => {
  test("inspect and history", async () => {
    const multi = await loaded();
    const look = ["image", "inspect", "-f", "{{.Id}} {{.Architecture}} {{.RepoTags}}"];
    expect(await berth.out([...look, "--platform", "linux/s390x", "multi:1"])).toBe(
      `${idOf(multi, "linux/s390x")} s390x [multi:1]`,
    );
    const history = ["history", "--format", "{{.CreatedBy}}"];
    expect(lines(await berth.out([...history, "--platform", "arm64", "multi:1"]))).toEqual([
      "own of linux/arm64/v8",
      "base",
    ]);
    expect(lines(await berth.out([...history, "multi:1"]))[0]).toBe("own of linux/amd64");
    const { code, stderr } = await berth.run(["image", "inspect", "--platform", "linux/386", "multi:1"]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      "image with reference multi:1 was found but does not provide the specified platform (linux/386)",
    );
  });

  test("run, which warns where it wasn't asked", async () => {
    const multi = await loaded();
    // What is for another machine in name only can run here.
    expect(await berth.out(["run", "--rm", ...offline, "multi:1"])).toBe("linux/amd64");
    const asked = await berth.run(["run", "--rm", ...offline, "--platform", "linux/arm64", "multi:1"]);
    expect(asked).toMatchObject({ code: 0, stdout: "linux/arm64/v8\n", stderr: "" });
    const unasked = await berth.run(["run", "--rm", ...offline, idOf(multi, "linux/s390x")]);
    expect(unasked.stdout).toBe("linux/s390x\n");
    expect(unasked.stderr).toMatch(
      /^WARNING: The requested image's platform \(linux\/s390x\) does not match the detected host platform \(linux\/\w+\) and no specific platform was requested$/m,
    );
    const env = { DOCKER_DEFAULT_PLATFORM: "linux/arm64" };
    expect(await berth.out(["run", "--rm", ...offline, "multi:1"], { env })).toBe("linux/arm64/v8");
    const malformed = await berth.run(["run", "--platform", "a b", "multi:1"]);
    expect(malformed.code).toBe(125);
    expect(malformed.stderr).toContain('error parsing specified platform: "a b" is an invalid component of "a b"');
    await expectClean();
  });

  test("FROM and what is copied from a stage", async () => {
    await loaded();
    const context = await berth.files("context", {
      Dockerfile:
        "FROM --platform=linux/s390x multi:1 AS other\nFROM multi:1\nCOPY --from=other /platform /other\nRUN cat /platform /other >/both\n",
      Foreign: "FROM --platform=linux/arm64 multi:1\nCOPY Dockerfile /\n",
      Absent: "FROM --platform=linux/386 multi:1\n",
    });
    await berth.out(["build", "-q", "-t", "built", context]);
    expect(await berth.out(["run", "--rm", ...offline, "built", "cat", "/both"])).toBe("linux/amd64\nlinux/s390x");
    await berth.out(["build", "-q", "-t", "foreign", "-f", join(context, "Foreign"), context]);
    const platform = "{{.Os}}/{{.Architecture}}/{{.Variant}}";
    expect(await berth.out(["image", "inspect", "-f", platform, "foreign"])).toBe("linux/arm64/v8");
    const absent = await berth.run(["build", "-q", "-f", join(context, "Absent"), context]);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain(
      "failed to resolve source metadata for docker.io/library/multi:1: no match for platform in manifest: not found",
    );
  });
});

test("a container of another platform is committed as that", async () => {
  await loaded();
  await berth.out(["create", "--name", "arm", "--platform", "linux/arm64", "multi:1"]);
  await berth.out(["commit", "arm", "committed"]);
  const platform = "{{.Os}}/{{.Architecture}}/{{.Variant}}";
  expect(await berth.out(["image", "inspect", "-f", platform, "committed"])).toBe("linux/arm64/v8");
});

test("check names a kept blob that is damaged, and loading again mends it", async () => {
  const multi = await loaded();
  const configs = new Set([...multi.images.values()].map(({ id }) => id.replace("sha256:", "")));
  const kept = blobs().find((name) => !configs.has(name)) ?? "";
  truncateSync(join(berth.env["BERTH_ROOT"] ?? "", "blobs/sha256", kept), 10);
  for (const flags of [[], ["--quick"], ["--repair"]]) {
    const { stdout } = await berth.run(["system", "check", "--format", "json", ...flags]);
    expect(JSON.parse(stdout).problems).toMatchObject([
      { invariant: "B1", what: expect.stringContaining(kept), images: ["multi:1"], mended: false },
    ]);
  }
  expect((await berth.run(["save", "--format", "oci", "-o", "x.tar", "multi:1"])).stderr).toContain("is damaged");
  await berth.out(["load", "-i", "layout"]);
  await expectClean();
});

describe("check", () => {
  test.each<readonly [string, string, string, boolean]>([
    ["an index that was changed", "UPDATE image_index SET bytes = CAST('x' AS BLOB)", "N1", false],
    ["a manifest that was changed", "UPDATE image_index_entry SET manifest = CAST('x' AS BLOB)", "N1", false],
    [
      "a blob without a record",
      "DELETE FROM image_index_blob WHERE size = (SELECT max(size) FROM image_index_blob)",
      "N2",
      false,
    ],
    [
      "a name that means another platform",
      "UPDATE image_reference SET image_id = (SELECT max(image_id) FROM image_index_entry WHERE image_id != (SELECT image_id FROM image_index))",
      "N3",
      true,
    ],
    [
      "another platform that stands for it",
      "UPDATE image_index SET image_id = (SELECT max(image_id) FROM image_index_entry WHERE image_id != (SELECT image_id FROM image_index))",
      "N3",
      true,
    ],
  ])("finds %s", async (_, change, invariant, mends) => {
    const multi = await loaded();
    {
      using records = new DatabaseSync(join(berth.env["BERTH_ROOT"] ?? "", "metadata.db"));
      records.exec(change);
    }
    const check = async (...flags: readonly string[]): Promise<readonly { invariant: string; mended: boolean }[]> =>
      JSON.parse((await berth.run(["system", "check", "--format", "json", ...flags])).stdout).problems;
    const found = (await check()).map((problem) => problem.invariant);
    expect(new Set(found.filter((each) => each !== "B2"))).toEqual(new Set([invariant]));
    expect((await berth.run(["images", "--tree"])).code).toBe(0);
    const mended = (await check("--repair")).filter((problem) => problem.invariant === invariant);
    expect(mended.every((problem) => problem.mended)).toBe(mends);
    if (!mends) await berth.out(["load", "-i", "layout"]);
    await expectClean();
    expect(await berth.out(["images", "-q", "--no-trunc"])).toBe(idOf(multi, "linux/amd64"));
    await berth.out(["save", "--format", "oci", "-o", "whole.tar", "multi:1"]);
  });
});

test("an index that is damaged is refused by save, and removed", async () => {
  await loaded();
  {
    using records = new DatabaseSync(join(berth.env["BERTH_ROOT"] ?? "", "metadata.db"));
    records.exec("UPDATE image_index SET bytes = CAST('x' AS BLOB)");
  }
  const saved = await berth.run(["save", "--format", "oci", "-o", "x.tar", "multi:1"]);
  expect(saved.stderr).toMatch(/index sha256:\w+ is damaged/);
  await berth.out(["rmi", "multi:1"]);
  await expectEmpty();
});

test("an index in a Docker archive is loaded whole, though Docker's list in it has one platform", async () => {
  const layout = join(berth.directory, "layout");
  const multi = writeMultiPlatform(layout, { ...named, packed: false });
  await berth.out(["load", "-i", layout]);
  await berth.out(["save", "-o", "docker.tar", "multi:1"]);
  execFileSync("tar", ["-xf", join(berth.directory, "docker.tar"), "-C", layout, "manifest.json"]);
  await using other = openBerth();
  await other.out(["load", "-i", layout]);
  expect(await other.out(["images", "--tree"])).toContain(short(multi.digest));
  await expectClean(other);
});
