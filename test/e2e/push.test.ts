import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import { runProgram } from "../support/program.ts";
import { openRegistry, type Registry } from "../support/registry.ts";

let berth: Berth;
let registry: Registry;
beforeEach(async () => {
  [berth, registry] = await Promise.all([openBerthWithBusybox(), openRegistry()]);
});
afterEach(() => Promise.all([berth[Symbol.asyncDispose](), registry[Symbol.asyncDispose]()]));

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

/** Build an image of two layers above busybox, and give it a name at the registry. */
async function built(path: string): Promise<string> {
  const dockerfile = "FROM busybox\nRUN echo one > /one\nCOPY two /two\n";
  const name = `${registry.host}/${path}`;
  await berth.out(["build", "-q", "-t", name, await berth.files("context", { Dockerfile: dockerfile, two: "2\n" })]);
  return name;
}

/** Layers in short, the topmost first, as Docker's push names them. */
async function layersOf(name: string): Promise<readonly string[]> {
  const json = await berth.out(["image", "inspect", "--format", "{{json .RootFS.Layers}}", name]);
  return (JSON.parse(json) as string[]).map((digest) => digest.slice(7, 19)).reverse();
}

/** What the registry has under a tag or a digest. */
async function manifestAt(path: string, tag: string): Promise<{ text: string; digest: string; json: Manifest }> {
  const types = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);
  const answer = await fetch(`${registry.url}/v2/${path}/manifests/${tag}`, { headers: { Accept: types.join(", ") } });
  if (!answer.ok) throw new Error(`${path}:${tag}: ${answer.status}`);
  const text = await answer.text();
  return { text, digest: `sha256:${createHash("sha256").update(text).digest("hex")}`, json: JSON.parse(text) };
}

interface Index {
  readonly manifests: readonly { readonly mediaType: string; readonly digest: string }[];
}

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** What the registry was asked since a moment, but for reading. */
function writesSince(before: number): readonly string[] {
  return registry
    .requests()
    .slice(before)
    .filter((line) => !/^(GET|HEAD) /.test(line));
}

/** What a push does last. */
function isTagged(path: string): RegExp {
  return new RegExp(`^PUT /v2/${path}/manifests/[^:]+ 201$`);
}

/** The registry's log has all that was asked so far: it comes a moment after the answer. */
async function logged(path: string): Promise<number> {
  return await eventually(async () => {
    const all = registry.requests();
    return all.some((line) => isTagged(path).test(line)) ? all.length : undefined;
  });
}

test("an image that was built is pushed in Docker's words, and is there with its digest and its ID", async () => {
  const name = await built("team/app");
  const { code, stdout } = await berth.run(["push", name]);
  const [top = "", middle = "", bottom = ""] = await layersOf(name);
  const { digest, text, json } = await manifestAt("team/app", "latest");
  expect(code).toBe(0);
  expect(lines(stdout).slice(0, 5)).toEqual([
    "Using default tag: latest",
    `The push refers to repository [${name}]`,
    ...[top, middle, bottom].map((layer) => `${layer}: Preparing`),
  ]);
  expect(lines(stdout).slice(5, 8).toSorted()).toEqual([top, middle, bottom].map((id) => `${id}: Pushed`).toSorted());
  expect(lines(stdout).slice(8)).toEqual([`latest: digest: ${digest} size: ${text.length}`]);
  expect(json.config.digest).toBe(await berth.out(["images", "-q", "--no-trunc", name]));
  expect(await berth.out(["image", "inspect", "--format", "{{json .RepoDigests}}", name])).toBe(
    JSON.stringify([`${name}@${digest}`]),
  );
});

test("skopeo finds in every layer what the image's config says", async () => {
  const name = await built("team/app");
  await berth.out(["push", "-q", name]);
  const layout = join(berth.directory, "copied");
  const copied = await runProgram("skopeo", ["copy", "--src-tls-verify=false", `docker://${name}`, `dir:${layout}`]);
  expect(copied).toMatchObject({ code: 0 });
  const archive = join(berth.directory, "app.tar");
  // It unpacks each layer and compares it with its diffID on the way.
  const unpacked = await runProgram("skopeo", ["copy", `dir:${layout}`, `docker-archive:${archive}:again:1`]);
  expect(unpacked).toMatchObject({ code: 0 });
  const id = await berth.out(["images", "-q", "--no-trunc", name]);
  await berth.out(["rmi", name]);
  expect(await berth.out(["load", "-q", "-i", archive])).toBe("Loaded image: again:1");
  expect(await berth.out(["images", "-q", "--no-trunc", "again:1"])).toBe(id);
});

test("a second push sends no blob, and the same manifest", async () => {
  const name = await built("team/app");
  const first = await berth.out(["push", name]);
  const before = await logged("team/app");
  const second = await berth.out(["push", name]);
  expect(
    lines(second)
      .slice(2)
      .filter((line) => line.endsWith("Layer already exists")),
  ).toHaveLength(3);
  expect(lines(second).at(-1)).toBe(lines(first).at(-1));
  await eventually(async () => writesSince(before).some((line) => isTagged("team/app").test(line)) || undefined);
  const { digest } = await manifestAt("team/app", "latest");
  // A manifest that is changed on its way is found before the tag leads to it.
  expect(writesSince(before)).toEqual([digest, "latest"].map((name) => `PUT /v2/team/app/manifests/${name} 201`));
});

test("an image that came from two repositories goes back to each with the manifest that it has there", async () => {
  await berth.out(["save", "-o", "busybox.tar", "busybox"]);
  const digests = new Map<string, string>();
  for (const [path, format] of [["docker/app", "v2s2"] as const, ["oci/app", "oci"] as const]) {
    const copy = ["copy", "--dest-tls-verify=false", "--format", format, "docker-archive:busybox.tar"];
    await runProgram("skopeo", ["--insecure-policy", ...copy, `docker://${registry.host}/${path}:1`], {
      cwd: berth.directory,
    });
    const pulled = lines(await berth.out(["pull", `${registry.host}/${path}:1`]));
    digests.set(path, pulled.find((line) => line.startsWith("Digest: "))?.slice("Digest: ".length) ?? "");
  }
  expect(new Set(digests.values()).size).toBe(2);
  for (const [path, digest] of digests) {
    expect(await berth.out(["image", "digest", `${registry.host}/${path}:1`])).toBe(digest);
    expect(await berth.out(["push", `${registry.host}/${path}:1`])).toContain(`1: digest: ${digest} size: `);
  }
});

test("another store makes the same manifest of the same image", async () => {
  const name = await built("team/app");
  const first = await berth.out(["push", name]);
  await berth.out(["save", "-o", "app.tar", name]);
  await using other = await openBerthWithBusybox();
  await other.out(["load", "-i", join(berth.directory, "app.tar")]);
  const second = await other.out(["push", name]);
  expect(lines(second).at(-1)).toBe(lines(first).at(-1));
});

test("what the registry has in another repository is mounted from there", async () => {
  const name = await built("team/app");
  await berth.out(["push", name]);
  const before = await logged("team/app");
  const other = `${registry.host}/other/app:1`;
  await berth.out(["tag", name, other]);
  const second = await berth.out(["push", other]);
  expect(lines(second).filter((line) => line.endsWith(": Mounted from team/app"))).toHaveLength(3);
  await logged("other/app");
  expect(writesSince(before).filter((line) => /^(PATCH|PUT) .*\/blobs\//.test(line))).toEqual([]);
});

test("a plan says what a push would send, and sends nothing", async () => {
  const name = await built("team/app");
  const [top, middle, bottom] = await layersOf(name);
  const plan = await berth.out(["push", "--plan", name]);
  expect(registry.requests().filter((line) => !/^(GET|HEAD) /.test(line))).toEqual([]);
  const rows = lines(plan).map((line) => line.split(/ {2,}/));
  expect(rows.map(([id, , , action]) => [id, action])).toEqual([
    ["Using default tag: latest", undefined],
    [`${name}:latest`, undefined],
    ["LAYER", "ACTION"],
    ...[top, middle, bottom, "config"].map((id) => [id, "upload"]),
    [expect.stringMatching(/^4 of 4 blobs to upload, [\d.]+MB$/), undefined],
    [expect.stringMatching(/^latest: digest: sha256:/), undefined],
  ]);
  const pushed = await berth.out(["push", name]);
  expect(lines(pushed).at(-1)).toBe(lines(plan).at(-1));
  expect(lines(await berth.out(["push", "--plan", name])).at(-2)).toBe("0 of 4 blobs to upload, 0B");
});

test("all tags of a repository are pushed with -a, and -q says the name alone", async () => {
  const name = await built("team/app");
  for (const tag of ["1", "2"]) await berth.out(["tag", name, `${name}:${tag}`]);
  // What the first tag uploads is there for the others.
  const plans = lines(await berth.out(["push", "-a", "--plan", name]));
  expect(plans.filter((line) => /blobs to upload/.test(line))).toEqual([
    expect.stringMatching(/^4 of 4 blobs to upload, [\d.]+MB$/),
    "0 of 4 blobs to upload, 0B",
    "0 of 4 blobs to upload, 0B",
  ]);
  expect(plans.at(-1)).toMatch(/^In all [\d.]+MB to upload for 3 tags$/);
  const all = await berth.out(["push", "-a", name]);
  expect(
    lines(all)
      .filter((line) => line.includes(": digest: "))
      .map((line) => line.split(":")[0]),
  ).toEqual(["1", "2", "latest"]);
  expect(await berth.out(["push", "-q", `${name}:1`])).toBe(`${name}:1`);
});

test("what can't be pushed is told in Docker's words", async () => {
  const name = await built("team/app");
  const { host } = registry;
  const told = async (...args: string[]): Promise<readonly [number, string | undefined]> => {
    const { code, stderr } = await berth.run(["push", ...args]);
    return [code, lines(stderr)[0]];
  };
  expect(await told(`${host}/nothing:1`)).toEqual([1, `An image does not exist locally with the tag: ${host}/nothing`]);
  expect(await told(`${name}:other`)).toEqual([1, `tag does not exist: ${name}:other`]);
  expect(await told("-a", `${name}:latest`)).toEqual([1, "tag can't be used with --all-tags/-a"]);
  expect(await told(`${name}@sha256:${"0".repeat(64)}`)).toEqual([1, "cannot push a digest reference"]);
  expect(await told("a/B")).toEqual([1, "invalid reference format: repository name (a/B) must be lowercase"]);
  expect(await told("--platform", "linux/s390x", name)).toEqual([
    1,
    `image with reference ${name}:latest was found but its platform (linux/amd64) does not match the specified platform (linux/s390x)`,
  ]);
});

describe("an image for several platforms", () => {
  const load = async (without: readonly string[] = []): Promise<{ multi: MultiPlatform; name: string }> => {
    const name = `${registry.host}/multi:1`;
    const layout = join(berth.directory, `layout-${without.length}`);
    const multi = writeMultiPlatform(layout, { name, without });
    await berth.out(["load", "-i", layout]);
    return { multi, name };
  };

  test("is pushed whole, with its attestation, as it came", async () => {
    const { multi, name } = await load();
    const pushed = await berth.out(["push", name]);
    expect(lines(pushed).at(-1)).toMatch(`1: digest: ${multi.digest} size: `);
    expect((await manifestAt("multi", "1")).digest).toBe(multi.digest);
    const manifests = [...multi.images.values()].map(({ manifest }) => manifest);
    for (const digest of [...manifests, multi.attestation]) {
      expect((await manifestAt("multi", digest)).digest).toBe(digest);
    }
    const copied = await runProgram("skopeo", [
      ...["copy", "--all", "--src-tls-verify=false", `docker://${name}`],
      `oci:${join(berth.directory, "copied")}`,
    ]);
    expect(copied).toMatchObject({ code: 0 });
  });

  test("of which one is missing is pushed as this machine's image alone, and Docker's note says so", async () => {
    const { multi, name } = await load(["linux/s390x"]);
    const pushed = await berth.out(["push", name]);
    const own = multi.images.get("linux/amd64")?.manifest;
    expect(lines(pushed).slice(-3)).toEqual([
      expect.stringMatching(`^1: digest: ${own} size: `),
      " Info -> Not all multiplatform-content is present and only the available single-platform image was pushed",
      `         ${multi.digest} -> ${own}`,
    ]);
    expect((await manifestAt("multi", "1")).digest).toBe(own);
  });

  test("with an index in its index is pushed whole, what each names before it, and others can read it", async () => {
    const name = `${registry.host}/nested:1`;
    const nested = writeMultiPlatform(join(berth.directory, "nested"), { name, shape: "nested", mark: "nested" });
    await berth.out(["load", "-i", join(berth.directory, "nested")]);
    const out = await berth.out(["push", name]);
    expect(lines(out).at(-1)).toContain(`1: digest: ${nested.digest} `);
    const all = JSON.parse((await manifestAt("nested", "1")).text) as Index;
    const inner = all.manifests.find(({ mediaType }) => mediaType.includes("index"))?.digest ?? "";
    const put = await eventually(async () => {
      const found = writesSince(0).flatMap((line) => /^PUT \S+\/manifests\/(\S+) 201$/.exec(line)?.[1] ?? []);
      return found.at(-1) === "1" ? found : undefined;
    });
    const images = [...nested.images.values()].map(({ manifest }) => manifest);
    expect(put.slice(0, -3).toSorted()).toEqual([...images, nested.attestation].toSorted());
    expect(put.slice(-3)).toEqual([inner, nested.digest, "1"]);
    // skopeo takes an image out of it, though not all with `--all`.
    const copy = ["copy", "--src-tls-verify=false", `docker://${name}`, `dir:${join(berth.directory, "copied")}`];
    expect(await runProgram("skopeo", copy)).toMatchObject({ code: 0 });
    await berth.out(["rmi", "-f", name]);
    await berth.out(["pull", "-q", "--platform", "linux/s390x", name]);
  });

  test("of which the registry has what is missing is pushed whole", async () => {
    const { name, multi } = await load();
    await berth.out(["push", name]);
    await berth.out(["rmi", "--force", "--platform", "linux/s390x", name]);
    const pushed = await berth.out(["push", name]);
    expect(lines(pushed).at(-1)).toMatch(`1: digest: ${multi.digest} size: `);
  });

  test("gives one of them with --platform", async () => {
    const { name, multi } = await load();
    const pushed = await berth.out(["push", "--platform", "linux/arm64", name]);
    const arm = multi.images.get("linux/arm64/v8")?.manifest;
    expect(lines(pushed)[0]).toBe(
      " Info -> Using --platform pushes only the specified platform manifest of a multi-platform image index.",
    );
    expect(lines(pushed).at(-1)).toMatch(`1: digest: ${arm} size: `);
    expect((await manifestAt("multi", "1")).digest).toBe(arm);
  });
});
