import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { type MultiPlatform, writeMultiPlatform } from "../support/multi-platform.ts";
import { openRegistry, openScriptedRegistry, type Registry } from "../support/registry.ts";
import { makeImage, serveImage } from "../support/served-image.ts";

let berth: Berth;
let registry: Registry;
let multi: MultiPlatform;
beforeAll(async () => {
  [berth, registry] = await Promise.all([openBerthWithBusybox(), openRegistry()]);
  const layout = join(berth.directory, "layout");
  multi = writeMultiPlatform(layout, { name: `${registry.host}/multi:1` });
  await berth.out(["load", "-q", "-i", layout]);
  for (const name of ["one:a", "one:b", "two:a"]) await berth.out(["tag", "busybox", `${registry.host}/${name}`]);
  for (const args of [["-a", "one"], ["two:a"], ["multi:1"]]) {
    await berth.out(["push", ...args.slice(0, -1), `${registry.host}/${args.at(-1)}`]);
  }
});
afterAll(() => Promise.all([berth[Symbol.asyncDispose](), registry[Symbol.asyncDispose]()]));

const at = (name: string): string => `${registry.host}/${name}`;
const out = (...args: string[]): Promise<string> => berth.out(args);
const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line.trim() !== "");
const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** The first line of what a command says when it fails. */
async function failure(...args: string[]): Promise<string> {
  const { code, stderr } = await berth.run(args);
  expect(code).toBe(1);
  return lines(stderr)[0] ?? "";
}

interface Manifest {
  readonly mediaType: string;
  readonly manifests: readonly { readonly digest: string; readonly mediaType: string; readonly platform?: object }[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly config: { readonly digest: string };
}

/** What the registry has under a name, as it is there. */
async function raw(name: string): Promise<{ readonly text: string; readonly json: Manifest }> {
  const { code, stdout, stderr } = await berth.run(["imagetools", "inspect", "--raw", at(name)]);
  if (code !== 0) throw new Error(stderr);
  return { text: stdout, json: JSON.parse(stdout) };
}

/** What the registry was asked since a moment, but for reading. */
function writesSince(before: number): readonly string[] {
  return registry
    .requests()
    .slice(before)
    .filter((line) => !/^(GET|HEAD) /.test(line));
}

test("ls-tags lists the tags of a repository", async () => {
  expect(lines(await out("ls-tags", at("one"))).toSorted()).toEqual(["a", "b"]);
  expect(await out("ls-tags", "--format", "{{.Repository}}:{{.Tag}}", at("two"))).toBe(at("two:a"));
  expect(await failure("ls-tags", at("none"))).toBe("name unknown: repository name not known to registry");
  expect(await failure("ls-tags", at("one:a"))).toContain("is not a repository");
  expect(await out("ls-tags", `docker://${at("two")}`)).toBe("a");
});

test("a registry that refuses is told by every verb, with a hint of how to log in", async () => {
  await using refusing = await openScriptedRegistry((request, response) => {
    if (request.url === "/v2/") return void response.end();
    response.writeHead(403).end();
  });
  const name = `${refusing.host}/app`;
  await out("tag", "busybox", name);
  const hint = `hint: If you have access: \`berth login ${refusing.host}\`.`;
  const said = "denied: requested access to the resource is denied";
  for (const [first, ...args] of [
    [said, "push", name],
    [said, "copy", "store:busybox", `docker://${name}`],
    [said, "ls-tags", name],
    [said, "manifest", "inspect", name],
    [`ERROR: ${said}`, "imagetools", "inspect", name],
  ]) {
    const { code, stderr } = await berth.run(args);
    expect([code, lines(stderr)]).toEqual([1, [first, hint]]);
  }
});

describe("manifest", () => {
  test("inspect shows a manifest, and with -v also where it is, its platform and its bytes", async () => {
    const { text, json } = await raw("one:a");
    expect(await out("manifest", "inspect", at("one:a"))).toBe(JSON.stringify(json, null, "\t"));
    const whole = JSON.parse(await out("manifest", "inspect", "-v", at("one:a")));
    expect(whole).toEqual({
      Ref: at("one:a"),
      Descriptor: {
        mediaType: json.mediaType,
        digest: digestOf(text),
        size: text.length,
        platform: { architecture: "amd64", os: "linux" },
      },
      Raw: Buffer.from(text).toString("base64"),
      OCIManifest: json,
    });
  });

  test("inspect shows a list without its annotations, and with -v each of its manifests", async () => {
    const { json } = await raw("multi:1");
    const shown = JSON.parse(await out("manifest", "inspect", at("multi:1")));
    expect(shown).toEqual({
      ...json,
      manifests: json.manifests.map(({ mediaType, digest, platform, ...rest }) => {
        return { mediaType, size: (rest as { size?: number }).size, digest, platform };
      }),
    });
    const all = JSON.parse(await out("manifest", "inspect", "-v", at("multi:1")));
    expect(all.map(({ Ref }: { Ref: string }) => Ref)).toEqual(
      json.manifests.map(({ digest }) => `${at("multi:1")}@${digest}`),
    );
  });

  test("create, annotate and push make a list, in the files of Docker's client; rm deletes it", async () => {
    const list = at("list:1");
    expect(await out("manifest", "create", list, at("one:a"), at("two:a"))).toBe(`Created manifest list ${list}`);
    expect(await failure("manifest", "create", list, at("one:b"))).toBe(
      "refusing to amend an existing manifest list with no --amend flag",
    );
    await out("manifest", "annotate", "--os", "linux", "--arch", "arm64", "--variant", "v8", list, at("two:a"));
    expect(await failure("manifest", "annotate", "--arch", "pdp11", list, at("two:a"))).toBe(
      "manifest entry for image has unsupported os/arch combination: /pdp11",
    );
    const directory = join(
      berth.env["DOCKER_CONFIG"] ?? "",
      "manifests",
      list.replace(":", "-").replace("/", "_").replace(":", "-"),
    );
    expect(readdirSync(directory)).toHaveLength(2);
    const local = await out("manifest", "inspect", list);
    const before = registry.requests().length;
    const plan = lines(await out("manifest", "push", "--plan", list));
    expect(plan[0]).toMatch(/^BLOB +SIZE +ACTION$/);
    // The layer and the config that both images have.
    expect(plan.slice(1, -2).map((line) => line.replace(/^[0-9a-f]{12} +\S+ +/, ""))).toEqual([
      "mount from two",
      "mount from two",
    ]);
    expect(plan.slice(-2)).toEqual(["0 of 2 blobs to copy, 0B", `Digest: ${digestOf(local)}`]);
    expect(writesSince(before)).toEqual([]);
    const pushed = await out("manifest", "push", list);
    const one = digestOf((await raw("one:a")).text);
    expect(lines(pushed)).toEqual([
      `Pushed ref ${at(`list@${one}`)} with digest: ${one}`,
      `Pushed ref ${at(`list@${one}`)} with digest: ${one}`,
      digestOf(local),
    ]);
    expect((await raw("list:1")).text).toBe(local);
    expect((await raw("list:1")).json.manifests.map(({ platform }) => platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      { architecture: "arm64", os: "linux", variant: "v8" },
    ]);
    await out("manifest", "rm", list);
    expect(await failure("manifest", "rm", list)).toBe(`No such manifest: ${list}`);
    expect(await failure("manifest", "push", list)).toBe(`No such manifest: ${list}`);
  });

  test("a file of a list that was damaged is named", async () => {
    const list = at("damaged:1");
    await out("manifest", "create", list, at("one:a"));
    const directory = join(
      berth.env["DOCKER_CONFIG"] ?? "",
      "manifests",
      list.replaceAll(":", "-").replaceAll("/", "_"),
    );
    const path = join(directory, readdirSync(directory)[0] ?? "");
    writeFileSync(path, readFileSync(path, "utf8").replace('"Raw":"e', '"Raw":"f'));
    expect(await failure("manifest", "push", list)).toBe(`invalid manifest file ${path}`);
  });

  test("what isn't there is told in Docker's words", async () => {
    expect(await failure("manifest", "inspect", at("none"))).toBe(`no such manifest: ${at("none:latest")}`);
    expect(await failure("manifest", "create", at("x"), at("multi:1"))).toBe(`${at("multi:1")} is a manifest list`);
    expect(await failure("manifest", "inspect", at("x"), at("y"))).toBe(`No such manifest: ${at("y:latest")}`);
  });
});

describe("imagetools", () => {
  test("inspect shows an index, also as buildx's", async () => {
    const images = [...multi.images.entries()].map(([platform, { manifest }]) => [manifest, platform]);
    const rows = [...images, [multi.attestation, "unknown/unknown"]].flatMap(([digest, platform]) => [
      `Name: ${at(`multi:1@${digest}`)}`,
      "MediaType: application/vnd.oci.image.manifest.v1+json",
      `Platform: ${platform}`,
    ]);
    const shown = await out("buildx", "imagetools", "inspect", at("multi:1"));
    const found = lines(shown).map((line) => line.trim().replace(/ +/g, " "));
    expect(found.filter((line) => !/^(Annotations|vnd\.)/.test(line))).toEqual([
      `Name: ${at("multi:1")}`,
      "MediaType: application/vnd.oci.image.index.v1+json",
      `Digest: ${multi.digest}`,
      "Manifests:",
      ...rows,
    ]);
  });

  test("inspect fills a template with manifest and configs", async () => {
    const format = '{{.Name}} {{.Manifest.Digest}} {{(index .Image "linux/s390x").Config.Labels.platform}}';
    expect(await out("imagetools", "inspect", "--format", format, at("multi:1"))).toBe(
      `${at("multi:1")} ${multi.digest} linux/s390x`,
    );
    const json = JSON.parse(await out("imagetools", "inspect", "--format", "{{json .Image}}", at("one:a")));
    expect(json).toMatchObject({ architecture: "amd64", os: "linux", config: { Cmd: ["sh"] } });
    expect(await failure("imagetools", "inspect", "--format", "{{.Nothing}}", at("one:a"))).toContain(
      "can't evaluate field Nothing in type imagetools.tplInput",
    );
  });

  test("create makes an index of images of other repositories, which come with it", async () => {
    const { stderr, code } = await berth.run([
      ...["imagetools", "create", "--progress", "plain", "-t", at("made:1"), "-t", at("made:2")],
      ...["--annotation", "index:a=b", at("one:a"), at("multi:1")],
    ]);
    expect([code, lines(stderr)[0]]).toEqual([0, `#1 [internal] pushing ${at("made")}`]);
    const { text, json } = await raw("made:1");
    expect((await raw("made:2")).text).toBe(text);
    expect(json.annotations).toEqual({ a: "b" });
    const one = digestOf((await raw("one:a")).text);
    const others = (await raw("multi:1")).json.manifests;
    expect(json.manifests.map(({ digest }) => digest)).toEqual([one, ...others.map(({ digest }) => digest)]);
    expect(json.manifests.slice(1)).toEqual(others);
    for (const { digest } of json.manifests) expect(digestOf((await raw(`made@${digest}`)).text)).toBe(digest);
  });

  test("create --plan says what it would bring, and brings nothing", async () => {
    const before = registry.requests().length;
    const create = ["imagetools", "create", "-t", at("planned:1"), "-t", at("planned:2"), at("one:a"), at("two:a")];
    const plan = lines(await out(...create, "--plan"));
    expect(plan.slice(0, 2)).toEqual([at("planned:1"), at("planned:2")]);
    expect(plan.filter((line) => line.includes(" mount from "))).toHaveLength(2);
    expect(writesSince(before)).toEqual([]);
    await out(...create, "--progress", "none");
    expect(plan.at(-1)).toBe(`Digest: ${digestOf((await raw("planned:1")).text)}`);
    expect(lines(await out(...create, "--plan"))).toContain("0 of 0 blobs to copy, 0B");
  });

  test("create shows what it would make, appends, filters and copies", async () => {
    const before = registry.requests().length;
    const dry = JSON.parse(await out("imagetools", "create", "--dry-run", "--platform", "linux/arm64", at("multi:1")));
    expect(dry.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { os: "linux", architecture: "arm64", variant: "v8" },
    ]);
    expect(writesSince(before)).toEqual([]);
    await out("imagetools", "create", "--progress", "none", "-t", at("copy:1"), at("multi:1"));
    expect((await raw("copy:1")).text).toBe((await raw("multi:1")).text);
    await out("imagetools", "create", "--progress", "none", "--prefer-index=false", "-t", at("copy:2"), at("one:a"));
    expect((await raw("copy:2")).text).toBe((await raw("one:a")).text);
    await out("imagetools", "create", "--progress", "none", "--append", "-t", at("copy:1"), at("one:a"));
    expect((await raw("copy:1")).json.manifests).toHaveLength(5);
  });

  test("create takes descriptors from files, and says what is wrong with them", async () => {
    const { text } = await raw("one:a");
    const directory = await berth.files("descriptors", {
      good: JSON.stringify({ digest: digestOf(text), platform: { os: "linux", architecture: "riscv64" } }),
      manifest: text,
    });
    const args = ["imagetools", "create", "--dry-run", "-f"];
    const dry = JSON.parse(await out(...args, join(directory, "good"), at("one:a")));
    expect(dry.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
      { architecture: "amd64", os: "linux" },
    ]);
    expect(await failure(...args, join(directory, "manifest"), at("one:a"))).toContain("schemaVersion 2");
    expect(await failure("imagetools", "create", at("one:a"))).toBe(
      "ERROR: can't push with no tags specified, please set --tag or --dry-run",
    );
    expect(await failure("imagetools", "create", "--dry-run", "sha256:12", at("one:a"))).toContain(
      "failed to parse source",
    );
  });
});

test("what a registry warns of is said on stderr, once", async () => {
  // What clears a terminal in eight bits.
  const text = "Your token expires\u009b2J";
  await using warning = await openScriptedRegistry((_, response) => {
    response.setHeader("Warning", `299 - "${text}"`);
    response.end('{"name":"app","tags":["v1"]}');
  });
  const said = `WARNING: ${warning.host} says: Your token expires 2J`;
  const listed = await berth.run(["ls-tags", `${warning.host}/app`]);
  expect(listed).toEqual({ code: 0, stdout: "v1\n", stderr: `${said}\n` });
  const pulled = await berth.run(["pull", `${warning.host}/app:v1`]);
  expect(lines(pulled.stderr).filter((line) => line.startsWith("WARNING"))).toEqual([said]);
});

test("what is left of a registry's quota is said by pull on stderr, and in its plan", async () => {
  const serve = serveImage(makeImage(1000));
  await using hub = await openScriptedRegistry((request, response) => {
    if (request.url?.includes("/manifests/")) {
      response.setHeader("RateLimit-Limit", "100;w=21600");
      response.setHeader("RateLimit-Remaining", "76;w=21600");
    }
    return serve(request, response);
  });
  const quota = "Quota: 76 of 100 requests in 6 hours are left";
  const name = `${hub.host}/app:latest`;
  expect(lines(await out("pull", "--plan", name)).at(-1)).toBe(quota);
  const pulled = await berth.run(["pull", name]);
  expect(pulled).toMatchObject({ code: 0, stderr: `${quota}\n` });
  expect(lines(pulled.stdout).at(-1)).toBe(name);
  expect(await berth.run(["pull", "-q", name])).toEqual({ code: 0, stdout: `${name}\n`, stderr: "" });
});

test("search shows what a registry finds, as Docker does", async () => {
  const results = [
    { name: "library/app", description: `${"long ".repeat(12)}\nend`, star_count: 12, is_official: true },
    { name: "team/app", description: "", star_count: 3, is_official: false },
  ];
  await using hub = await openScriptedRegistry((request, response) => {
    if (!request.url?.startsWith("/v1/search")) {
      response.writeHead(request.url === "/v2/" ? 200 : 404).end("{}");
      return;
    }
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ results }));
  });
  const term = `${hub.host}/app`;
  expect(lines(await out("search", term))).toEqual([
    "NAME          DESCRIPTION                                     STARS     OFFICIAL",
    "library/app   long long long long long long long long long…   12        [OK]",
    "team/app                                                      3         ",
  ]);
  expect(hub.requests.at(-1)?.path).toBe("/v1/search?q=app&n=25");
  expect(await out("search", "--filter", "stars=5", "--format", "{{.Name}}", "--limit", "7", term)).toBe("library/app");
  expect(hub.requests.at(-1)?.path).toBe("/v1/search?q=app&n=7");
  expect(lines(await out("search", "--format", "json", term))[1]).toBe(
    '{"Description":"","IsOfficial":"false","Name":"team/app","StarCount":"3"}',
  );
  expect(await failure("search", "--limit", "101", term)).toBe(
    "Error response from daemon: limit 101 is outside the range of [1, 100]",
  );
  expect(await failure("search", at("app"))).toBe("Error response from daemon: Unexpected status code 404");
  expect(await failure("search", "debian")).toBe("Error response from daemon: search of docker.io is blocked");
});
