import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openBuildah, openPodman } from "../../bench/peers.ts";
import { writeMultiPlatform } from "../support/multi-platform.ts";
import { type Outcome, runProgram, type Start } from "../support/program.ts";
import { openRegistry, type RegistryOptions } from "../support/registry.ts";
import { openTwins } from "../support/twins.ts";

// What one program pushes, the others pull with the same digest, and run.

const twins = await openTwins();
const podman = twins && (await openPodman());
const buildah = twins && (await openBuildah());
const programs = twins && podman && buildah && { twins, podman, buildah };
afterAll(async () => {
  for (const program of [buildah, podman, twins]) await program?.[Symbol.asyncDispose]();
});

/** A program that has images, and takes Docker's words. */
interface Engine {
  readonly run: (args: readonly string[], start?: Start) => Promise<Outcome>;
  /** Flags of `pull` and `push`. */
  readonly flags: readonly string[];
}

/** A registry, and the engines that are logged in there. */
interface Place extends AsyncDisposable {
  /** For files. */
  readonly directory: string;
  /** A name there. */
  readonly at: (path: string) => string;
  readonly engines: Readonly<Record<"berth" | "docker" | "podman" | "buildah", Engine>>;
  /** Flags of the programs of github.com/containers. @param prefix `src-` and `dest-` for skopeo */
  readonly flags: (prefix: string) => readonly string[];
}

/** An image at a registry. */
interface Pushed {
  readonly name: string;
  readonly digest: string;
  /** What its command prints. */
  readonly says: string;
  /** Its ID, where it is known. */
  readonly id?: string;
}

const users = { me: "secret" };

async function openPlace(options: RegistryOptions): Promise<Place> {
  if (programs === undefined) throw new Error("a program is missing");
  const { berth, docker } = programs.twins;
  const { directory } = berth;
  const registry = await openRegistry(options);
  const { host, certificates } = registry;
  const authority = certificates?.ca.certificate;
  const strict = authority === undefined ? {} : { [host]: { insecure: false } };
  const settings = join(directory, "settings.json");
  writeFileSync(settings, JSON.stringify({ registries: { "docker.io": { blocked: true }, ...strict } }));
  if (authority !== undefined) {
    mkdirSync(join(directory, "authority"));
    copyFileSync(authority, join(directory, "authority/ca.crt"));
  }
  const env = { BERTH_CONFIG_FILE: settings, ...(authority === undefined ? {} : { SSL_CERT_FILE: authority }) };
  const hasUsers = options.htpasswd !== undefined || options.tokenServer !== undefined;
  const flags = (prefix: string): readonly string[] => [
    ...(authority === undefined
      ? [`--${prefix}tls-verify=false`]
      : [`--${prefix}tls-verify=true`, `--${prefix}cert-dir=${join(directory, "authority")}`]),
    ...(hasUsers ? [`--${prefix}creds=me:${users.me}`] : []),
  ];
  const mine: Engine = { run: (args, start) => berth.run(args, { ...start, env }), flags: [] };
  for (const { run } of hasUsers ? [mine, docker] : []) {
    const login = await run(["login", "-u", "me", "--password-stdin", host], { input: users.me });
    expect(login).toMatchObject({ code: 0 });
  }
  return {
    directory,
    at: (path) => `${host}/${path}`,
    engines: {
      berth: mine,
      docker: { run: docker.run, flags: [] },
      podman: { run: programs.podman.run, flags: flags("") },
      buildah: { run: programs.buildah.run, flags: flags("") },
    },
    flags,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

async function out({ run }: Pick<Engine, "run">, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

async function skopeo(...args: readonly string[]): Promise<void> {
  await out({ run: (words) => runProgram("skopeo", words) }, "--insecure-policy", "copy", "-q", ...args);
}

/** Push with berth what it has under a name. */
async function pushed({ engines: { berth } }: Place, name: string, says: string): Promise<Pushed> {
  const [, digest = ""] = /: digest: (sha256:[0-9a-f]{64}) size: \d+$/.exec(await out(berth, "push", name)) ?? [];
  const id = await out(berth, "image", "inspect", "--format", "{{.Id}}", name);
  return { name, digest, says, id: id.replace("sha256:", "") };
}

/** Push with a program of github.com/containers. */
async function pushedBy(
  { run, flags }: Engine,
  { words, directory }: { readonly words: readonly string[]; readonly directory: string },
  image: Omit<Pushed, "digest">,
): Promise<Pushed> {
  const file = join(directory, "digest");
  await out({ run }, ...words, ...flags, `--digestfile=${file}`, image.name, `docker://${image.name}`);
  return { ...image, digest: readFileSync(file, "utf8").trim() };
}

/** An engine that has nothing of an image pulls it, and it is what it was. */
async function expectPulled(engine: Engine, { name, digest, says, id }: Pushed): Promise<void> {
  await out(engine, "pull", "-q", ...engine.flags, name);
  const inspect = ["image", "inspect", "--format"];
  const digests: readonly string[] = JSON.parse(await out(engine, ...inspect, "{{json .RepoDigests}}", name));
  expect(digests).toContain(`${name.replace(/:\w+$/, "")}@${digest}`);
  if (id !== undefined) expect((await out(engine, ...inspect, "{{.Id}}", name)).replace("sha256:", "")).toBe(id);
  expect(await out(engine, "run", "--rm", "--network", "none", name)).toBe(says);
  await out(engine, "rmi", "-f", name);
}

/** skopeo reads all of an image, and these engines pull it. */
async function expectTaken({ directory, flags }: Place, image: Pushed, readers: readonly Engine[]): Promise<void> {
  const { name, digest } = image;
  const copy = join(directory, `copy-${createHash("sha256").update(name).digest("hex")}`);
  await skopeo("--all", "--preserve-digests", ...flags("src-"), `docker://${name}`, `dir:${copy}`);
  const manifest = readFileSync(join(copy, "manifest.json"));
  expect(`sha256:${createHash("sha256").update(manifest).digest("hex")}`).toBe(digest);
  for (const reader of readers) await expectPulled(reader, image);
}

/** An image for several platforms, as a layout: its path and its digest. */
function layoutOf({ directory, at }: Place, mark: string): { readonly path: string; readonly digest: string } {
  const path = join(directory, `layout-${mark}`);
  return { path, digest: writeMultiPlatform(path, { name: at(`${mark}:1`), mark }).digest };
}

/** A build context. @returns its path */
async function contextOf(files: Readonly<Record<string, string>>): Promise<string> {
  return (await programs?.twins.berth.files("context", files)) ?? "";
}

/** Build an image of a few layers with berth. */
async function built({ engines: { berth } }: Place, name: string): Promise<void> {
  const Dockerfile =
    'FROM busybox\nRUN echo one > /one && ln /one /two\nCOPY text /text\nCMD ["cat", "/text", "/two"]\n';
  await out(berth, "build", "-q", "-t", name, await contextOf({ Dockerfile, text: "text\n" }));
}

/** What other programs build: without a RUN, for which each has its own needs. */
const others = {
  Dockerfile: 'FROM busybox\nCOPY text /text\nCMD ["cat", "/text"]\n',
  Foreign: "FROM scratch\nCOPY text /\n",
  text: "by another",
};
const says = others.text;

/** Build an image with Podman, push it with these flags, and pull it with berth. */
async function expectFromPodman({ engines, directory }: Place, name: string, flags: readonly string[]): Promise<void> {
  const { podman, berth } = engines;
  await out(podman, "build", "-q", "-t", name, await contextOf(others));
  const words = ["push", "-q", ...flags];
  await expectPulled(berth, await pushedBy(podman, { words, directory }, { name, says }));
}

const registries: Readonly<Record<string, RegistryOptions>> = {
  "that is plain": {},
  "with TLS and an authority of its own": { tls: true },
  "with passwords": { htpasswd: users },
  "behind a token server": { tokenServer: { users } },
};

describe.skipIf(programs === undefined).each(Object.entries(registries))("a registry %s", (_, options) => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(options);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("gives Docker, Podman and skopeo the image for several platforms that berth pushed", async () => {
    const { berth, docker, podman } = place.engines;
    const { path, digest } = layoutOf(place, "multi");
    await out(berth, "load", "-q", "-i", path);
    const image = await pushed(place, place.at("multi:1"), "linux/amd64");
    expect(image.digest).toBe(digest);
    await expectTaken(place, image, [docker, podman]);
  });

  test("gives berth what Podman pushed", async () => {
    await expectFromPodman(place, place.at("podman/app:1"), []);
  });

  test("gives berth the image for several platforms that skopeo copied", async () => {
    const { path, digest } = layoutOf(place, "skopeo");
    const name = place.at("skopeo:1");
    await skopeo("--all", ...place.flags("dest-"), `oci:${path}`, `docker://${name}`);
    await expectPulled(place.engines.berth, { name, digest, says: "linux/amd64" });
  });
});

describe.skipIf(programs === undefined)("of all kinds are", () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace({});
  });
  afterAll(() => place[Symbol.asyncDispose]());

  test("what berth built, for Docker, Podman and skopeo", async () => {
    const name = place.at("berth/app:1");
    await built(place, name);
    await expectTaken(place, await pushed(place, name, "text\none"), [place.engines.docker, place.engines.podman]);
  });

  // Docker 20.10 doesn't know it.
  test("what berth pushed on as it came, compressed with zstd, for Podman and skopeo", async () => {
    const { berth, podman } = place.engines;
    const archive = join(place.directory, "zstd.tar");
    await built(place, "zstd");
    await out(berth, "save", "--format", "oci", "--compression", "zstd", "-o", archive, "zstd");
    const [from, to] = [place.at("zstd/from:1"), place.at("zstd/app:1")];
    await skopeo("--preserve-digests", ...place.flags("dest-"), `oci-archive:${archive}`, `docker://${from}`);
    await out(berth, "pull", "-q", from);
    await out(berth, "tag", from, to);
    await expectTaken(place, await pushed(place, to, "text\none"), [podman]);
  });

  test.each([
    ["in Docker's form", ["--format", "v2s2"]],
    ["compressed with zstd", ["--compression-format", "zstd"]],
  ])("what Podman pushed %s, for berth", async (what, flags) => {
    await expectFromPodman(place, place.at(`podman/${what.split(" ").at(-1)}:1`), flags);
  });

  test("a list of images that Buildah made, for berth", async () => {
    const { berth, buildah } = place.engines;
    const name = place.at("buildah/list:1");
    const context = await contextOf(others);
    await out(buildah, "build", "-q", "-t", "own", context);
    await out(buildah, "build", "-q", "-t", "foreign", "-f", join(context, "Foreign"), context);
    await out(buildah, "manifest", "create", name);
    await out(buildah, "manifest", "add", name, "localhost/own");
    await out(buildah, "manifest", "add", "--arch", "arm64", name, "localhost/foreign");
    const words = ["manifest", "push", "--all"];
    await expectPulled(berth, await pushedBy(buildah, { words, directory: place.directory }, { name, says }));
  });
});
