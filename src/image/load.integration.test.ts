import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compressionOf } from "../archive/decompress.ts";
import { archiveOf, streamOf } from "../archive/testing.ts";
import { openContent } from "../content/content.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { parsePlatform } from "../oci/platform.ts";
import { type TestStore, testStore } from "../snapshot/testing.ts";
import { checkManifests } from "./check-manifests.ts";
import { getImage, type ImageDeps, listImages } from "./images.ts";
import { listIndexes } from "./indexes.ts";
import { type LoadedImage, type LoadOptions, loadImages } from "./load.ts";
import { manifestOf } from "./manifests.ts";
import { removeImage } from "./remove.ts";
import { saveImages } from "./save.ts";

let store: TestStore;
let deps: ImageDeps;
let base = "";
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "berth-load-"));
  store = await testStore();
  deps = { ...store, content: openContent(store.host) };
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(base, { recursive: true });
});

type Files = Readonly<Record<string, string | Buffer>>;

const bottom = archiveOf(["a", "file", "bottom"]);
const top = Buffer.concat([archiveOf(["b", "file", "top"]), Buffer.from("odd end")]);
const layers = [bottom, top];

function configFor(archives: readonly Buffer[], more: object = {}): Buffer {
  const rootfs = { type: "layers", diff_ids: archives.map((archive) => digestOf(archive)) };
  return Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", rootfs, ...more }));
}
const config = configFor(layers);
const id = digestOf(config);

const blob = (bytes: Buffer): string => `blobs/sha256/${hexOf(digestOf(bytes))}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const descriptor = (mediaType: string, bytes: Buffer, more: object = {}) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
  ...more,
});
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

function layerType(archive: Buffer): string {
  const compression = compressionOf(archive);
  return `application/vnd.oci.image.layer.v1.tar${compression === "none" ? "" : `+${compression}`}`;
}

function manifestFor(configBytes: Buffer, archives: readonly Buffer[]): Buffer {
  return json({
    schemaVersion: 2,
    config: descriptor("application/vnd.oci.image.config.v1+json", configBytes),
    layers: archives.map((archive) => descriptor(layerType(archive), archive)),
  });
}

/** An OCI layout of one image; `named` goes into its entry in the index. */
function layout(archives: readonly Buffer[] = layers, named: object = {}): Files {
  const manifest = manifestFor(config, archives);
  const blobs = [config, manifest, ...archives].map((bytes) => [blob(bytes), bytes] as const);
  return {
    ...Object.fromEntries(blobs),
    "index.json": json({ schemaVersion: 2, manifests: [descriptor(manifestType, manifest, named)] }),
    "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
  };
}

function docker(
  more: Partial<{ Config: string; RepoTags: readonly string[] | null; Layers: readonly string[] }>,
): Buffer {
  return json([{ Config: "config.json", RepoTags: ["name:1"], Layers: ["1/layer.tar", "2/layer.tar"], ...more }]);
}
const old: Files = {
  "1/layer.tar": bottom,
  "2/layer.tar": top,
  "config.json": config,
  "manifest.json": docker({}),
};

function write(directory: string, files: Files): string {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  }
  return directory;
}

function tarOf(directory: string, ...options: readonly string[]): string {
  const path = join(base, "archive.tar");
  execFileSync("tar", ["-C", directory, ...options, "-cf", path, "."]);
  return path;
}

async function load(source: Parameters<typeof loadImages>[1], options?: LoadOptions): Promise<readonly LoadedImage[]> {
  return await Array.fromAsync(loadImages(deps, source, options));
}

async function savedLayers(name: string): Promise<readonly Buffer[]> {
  const archive = Buffer.concat(await Array.fromAsync(saveImages(deps, [name])));
  const files = execFileSync("tar", ["-xO", "manifest.json"], { input: archive });
  const [{ Layers }] = JSON.parse(files.toString());
  return Layers.map((layer: string) => execFileSync("tar", ["-xO", layer], { input: archive }));
}

describe("load takes", () => {
  test.each<readonly [string, () => Parameters<typeof loadImages>[1]]>([
    ["Docker's old archive", () => tarOf(write(join(base, "in"), old))],
    ["the same from a stream", () => streamOf(readFileSync(tarOf(write(join(base, "in"), old))))],
    ["the same, compressed", () => streamOf(zstdCompressSync(readFileSync(tarOf(write(join(base, "in"), old)))))],
    [
      "the same in a compressed file",
      () => {
        const path = tarOf(write(join(base, "in"), old));
        writeFileSync(path, gzipSync(readFileSync(path)));
        return path;
      },
    ],
    [
      "layers that are links",
      () => {
        const { "2/layer.tar": second = "", ...rest } = old;
        const directory = write(join(base, "in"), { ...rest, "shared/layer.tar": second });
        mkdirSync(join(directory, "2"));
        symlinkSync("../shared/layer.tar", join(directory, "2/layer.tar"));
        return tarOf(directory);
      },
    ],
    [
      "compressed layers",
      () => {
        const packed = { "1/layer.tar": gzipSync(bottom), "2/layer.tar": zstdCompressSync(top) };
        return tarOf(write(join(base, "in"), { ...old, ...packed }));
      },
    ],
    [
      "an archive that tar made of sparse files",
      () => {
        const directory = write(join(base, "in"), { ...old, sparse: "" });
        truncateSync(join(directory, "sparse"), 1 << 20);
        return tarOf(directory, "--sparse", "--format=posix");
      },
    ],
  ])("%s", async (_, source) => {
    expect(await load(source())).toEqual([{ id, references: ["name:1"], moved: [] }]);
    expect(await savedLayers("name:1")).toEqual(layers);
  });

  test.each<readonly [string, () => Files, readonly string[]]>([
    ["an OCI layout", () => layout(), []],
    [
      "one with compressed layers",
      () =>
        layout([gzipSync(bottom), zstdCompressSync(top)], {
          annotations: {
            "io.containerd.image.name": "docker.io/library/name:1",
            "org.opencontainers.image.ref.name": "1",
          },
        }),
      ["name:1"],
    ],
    [
      "one with podman's names",
      () => layout(layers, { annotations: { "org.opencontainers.image.ref.name": "r.io/a/b:2" } }),
      ["r.io/a/b:2"],
    ],
    [
      "one whose name is a tag",
      () => layout(layers, { annotations: { "org.opencontainers.image.ref.name": "latest" } }),
      [],
    ],
  ])("%s, as a directory and as an archive", async (_, files, references) => {
    const directory = write(join(base, "in"), files());
    expect(await load(directory)).toEqual([{ id, references, moved: [] }]);
    expect(await savedLayers(id)).toEqual(layers);
    expect(await load(tarOf(directory))).toEqual([{ id, references, moved: [] }]);
  });

  test("an index whole, or for the platforms that are asked for, with what it hadn't yet", async () => {
    const arm = configFor([bottom], { architecture: "arm64" });
    const manifests = [manifestFor(arm, [bottom]), manifestFor(config, layers)] as const;
    const unknown = { platform: { os: "unknown", architecture: "unknown" } };
    const index = json({
      schemaVersion: 2,
      manifests: [
        descriptor(manifestType, manifests[0], { platform: { os: "linux", architecture: "arm64", variant: "v8" } }),
        descriptor(manifestType, manifests[1], { platform: { os: "linux", architecture: "amd64" } }),
        descriptor(manifestType, json({}), {
          ...unknown,
          annotations: { "vnd.docker.reference.type": "attestation-manifest" },
        }),
      ],
    });
    const blobs = [arm, config, index, ...manifests, ...layers].map((bytes) => [blob(bytes), bytes] as const);
    const named = { annotations: { "io.containerd.image.name": "docker.io/library/multi:1" } };
    const directory = write(join(base, "in"), {
      ...Object.fromEntries(blobs),
      "index.json": json({ manifests: [descriptor(indexType, index, named)] }),
    });
    const loaded = { index: digestOf(index), references: ["multi:1"], moved: [] };
    const present = (): readonly (string | undefined)[] =>
      listIndexes(deps).flatMap(({ platforms }) => platforms.map(({ imageID }) => imageID));
    expect(await load(directory, { platforms: [parsePlatform("linux/arm64")] })).toEqual([
      { id: digestOf(arm), ...loaded },
    ]);
    expect(present()).toEqual([digestOf(arm), undefined]);
    expect(await load(directory)).toEqual([{ id, ...loaded }]);
    expect(present()).toEqual([digestOf(arm), id]);
    expect(getImage(deps, "multi:1").id).toBe(id);
    const refused = load(directory, { platforms: [parsePlatform("s390x")] });
    await expect(refused).rejects.toThrow("requested platform(s) ([linux/s390x]) not found");
  });

  test("no index whose manifests are huge together, though each may be", async () => {
    const padded = ["a", "b"].map((each) => {
      const annotations = { pad: each.repeat(5 << 20) };
      return json({ ...JSON.parse(manifestFor(config, layers).toString()), annotations });
    });
    const index = json({ manifests: padded.map((bytes) => descriptor(manifestType, bytes)) });
    const blobs = [config, index, ...padded, ...layers].map((bytes) => [blob(bytes), bytes] as const);
    const directory = write(join(base, "in"), {
      ...Object.fromEntries(blobs),
      "index.json": json({ manifests: [descriptor(indexType, index)] }),
    });
    await expect(load(directory)).rejects.toThrow("the manifests of an index have more than 8388608 bytes");
    expect(listImages(deps)).toEqual([]);
  });

  test("a name with a digest, which no tag is made of, as in Docker", async () => {
    const reference = `name:1@${id}`;
    const source = tarOf(write(join(base, "in"), { ...old, "manifest.json": docker({ RepoTags: [reference] }) }));
    expect(await load(source)).toEqual([{ id, references: [reference], moved: [] }]);
    expect(listImages(deps).map(({ references }) => references)).toEqual([[]]);
  });

  test("many images, and layers that they share once", async () => {
    const other = configFor([bottom], { comment: "other" });
    const manifest = JSON.parse(docker({}).toString());
    manifest.push({ Config: "other.json", RepoTags: null, Layers: ["1/layer.tar"] });
    const source = tarOf(write(join(base, "in"), { ...old, "other.json": other, "manifest.json": json(manifest) }));
    expect((await load(streamOf(readFileSync(source)))).map(({ references }) => references)).toEqual([["name:1"], []]);
    expect(store.snapshotter.layers().length).toBe(2);
    await expect(load(source, { platforms: [parsePlatform("arm64")] })).rejects.toMatchObject({
      message: "no images providing the requested platform(s) found: [linux/arm64]",
      hint: "The archive has an image for linux/amd64.",
    });
  });
});

describe("an image of a layout with one manifest", () => {
  const packed = [gzipSync(bottom), zstdCompressSync(top)];
  const manifestIn = (files: Files): { readonly mediaType: string; readonly digest: string } =>
    JSON.parse(files["index.json"]?.toString() ?? "").manifests[0];
  const blobs = (): ReadonlySet<string> => new Set(deps.content.list().map(({ digest }) => digest));
  const saved = async (): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(saveImages(deps, [id], { format: "oci" })));
  const fileIn = (archive: Buffer, name: string): Buffer => execFileSync("tar", ["-xO", name], { input: archive });
  /** A Docker archive that is a layout as well, as Docker has written it since version 25. */
  const both = (archives: readonly Buffer[], named: object = {}): Files => ({
    ...layout(archives, named),
    "manifest.json": docker({ Config: blob(config), Layers: archives.map(blob) }),
  });

  test.each<readonly [string, () => Files, (directory: string) => Parameters<typeof loadImages>[1]]>([
    ["a directory", () => layout(packed), (directory) => directory],
    ["an archive", () => layout(packed), (directory) => tarOf(directory)],
    ["a stream", () => layout(packed), (directory) => streamOf(gzipSync(readFileSync(tarOf(directory))))],
    ["Docker's archive", () => both(packed), (directory) => tarOf(directory)],
  ])("keeps its digest and the compressed bytes of its layers: %s", async (_, files, source) => {
    const { mediaType, digest } = manifestIn(files());
    await load(source(write(join(base, "in"), files())));
    expect(await manifestOf(deps, getImage(deps, id))).toMatchObject({ mediaType, digest });
    expect(blobs()).toEqual(new Set([id, ...packed.map((bytes) => digestOf(bytes))]));
    const archive = await saved();
    expect(JSON.parse(fileIn(archive, "index.json").toString()).manifests).toMatchObject([{ mediaType, digest }]);
    for (const bytes of packed) expect(fileIn(archive, blob(bytes)).equals(bytes)).toBe(true);
    expect(await savedLayers(id)).toEqual(layers);
    expect(await Array.fromAsync(checkManifests(deps, { quick: false, looked: () => undefined }))).toEqual([]);
    await removeImage(deps, id, { force: false, isRunning: () => false });
    expect(blobs()).toEqual(new Set());
  });

  test("whose layers aren't compressed needs no second copy of them", async () => {
    const { digest } = manifestIn(layout());
    await load(write(join(base, "in"), layout()));
    expect(blobs()).toEqual(new Set([id]));
    expect((await manifestOf(deps, getImage(deps, id))).digest).toBe(digest);
    const archive = await saved();
    for (const bytes of layers) expect(fileIn(archive, blob(bytes)).equals(bytes)).toBe(true);
  });

  test("is that of a registry only where a layer is compressed: Docker makes another one for each archive", async () => {
    await load(tarOf(write(join(base, "in"), both(layers))));
    const manifest = await manifestOf(deps, getImage(deps, id));
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual(
      layers.map(() => expect.stringContaining("gzip")),
    );
    expect(blobs()).toEqual(new Set([id]));
  });

  test.each<readonly [string, Files]>([
    ["malformed", { ...both(packed), "index.json": "{" }],
    ["a list of other things", { ...both(packed), "index.json": json({ manifests: [descriptor("text/plain", top)] }) }],
    ["without what it lists", { ...both(packed), "index.json": json({ manifests: [descriptor(manifestType, top)] }) }],
    [
      "of other layers",
      { ...layout(), ...both(packed), "manifest.json": docker({ Config: blob(config), Layers: layers.map(blob) }) },
    ],
  ])("is made where the layout in Docker's archive is %s", async (_, files) => {
    await load(tarOf(write(join(base, "in"), files)));
    expect(await savedLayers(id)).toEqual(layers);
    expect(blobs()).toEqual(new Set([id]));
  });

  test("is not taken with a layer that isn't what it says, though the layer is here", async () => {
    await load(tarOf(write(join(base, "in"), old)));
    const other = gzipSync(archiveOf(["c", "file", "other"]));
    const spoilt = load(write(join(base, "spoilt"), layout([gzipSync(bottom), other])));
    await expect(spoilt).rejects.toThrow(`invalid diffID for ${digestOf(other)}: expected "${digestOf(top)}"`);
    expect(blobs()).toEqual(new Set([id]));
    expect(deps.db.read((sql) => sql.all("SELECT * FROM packed_layer"))).toEqual([]);
    await load(write(join(base, "right"), layout(packed)));
    expect(blobs().size).toBe(3);
  });

  test("comes without its manifest where it lacks a layer that is here", async () => {
    await load(tarOf(write(join(base, "in"), old)));
    const { [blob(gzipSync(bottom))]: _, ...thin } = layout(packed);
    expect(await load(write(join(base, "thin"), thin))).toMatchObject([{ id }]);
    expect(blobs()).toEqual(new Set([id]));
  });

  test("that is loaded again replaces a blob that is damaged", async () => {
    const directory = write(join(base, "in"), layout(packed));
    await load(directory);
    const path = join(store.host.root, blob(gzipSync(bottom)));
    truncateSync(path, 5);
    await load(directory);
    expect(readFileSync(path).equals(gzipSync(bottom))).toBe(true);
  });
});

test("a load of many layers has nothing to warn of", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on("warning", note);
  const many = Array.from({ length: 15 }, (_, index) => archiveOf([`f${index}`, "file", "1"]));
  const names = many.map((_, index) => `${index}.tar`);
  const files = Object.fromEntries(many.map((archive, index) => [names[index], archive]));
  const manifest = docker({ Layers: names });
  await load(tarOf(write(join(base, "in"), { ...files, "config.json": configFor(many), "manifest.json": manifest })));
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", note);
  expect(warnings.filter(({ name }) => name !== "ExperimentalWarning")).toEqual([]);
});

describe("load refuses", () => {
  const hex = hexOf(digestOf(top));
  test.each<readonly [string, Files, RegExp]>([
    ["what has no images", { a: "1" }, /^invalid archive: does not contain a manifest\.json$/],
    ["a manifest that is cut off", { "manifest.json": "[{" }, /^invalid archive: failed to decode manifest\.json: /],
    ["an empty manifest", { "manifest.json": "" }, /^invalid archive: failed to decode manifest\.json: EOF$/],
    ["a null manifest", { "manifest.json": "null" }, /^invalid manifest, manifest cannot be null \(but can be \[\]\)$/],
    [
      "a manifest of another shape",
      { "manifest.json": '{"a":1}' },
      /^invalid archive: failed to decode manifest\.json: /,
    ],
    [
      "a missing config",
      { ...old, "manifest.json": docker({ Config: "none" }) },
      /open none: no such file or directory$/,
    ],
    ["a missing layer", { ...old, "manifest.json": docker({ Layers: ["1/layer.tar", "3"] }) }, /open 3: no such file/],
    [
      "too few layers",
      { ...old, "manifest.json": docker({ Layers: ["1/layer.tar"] }) },
      /^invalid manifest, layers length mismatch: expected 1, got 2$/,
    ],
    [
      "layers in another order",
      { ...old, "manifest.json": docker({ Layers: ["2/layer.tar", "1/layer.tar"] }) },
      /^invalid diffID for layer 0: expected "sha256:[0-9a-f]+", got "sha256:[0-9a-f]+"$/,
    ],
    ["a config that is none", { ...old, "config.json": "{}" }, /^invalid archive: config\.json: invalid image config/],
    [
      "another system's image",
      { ...old, "config.json": configFor(layers, { os: "windows" }) },
      /^cannot load windows image on linux$/,
    ],
    ["a name without a tag", { ...old, "manifest.json": docker({ RepoTags: ["name"] }) }, /^invalid tag "name"$/],
    ["a malformed name", { ...old, "manifest.json": docker({ RepoTags: ["Name:1"] }) }, /must be lowercase$/],
    [
      "a config with another digest",
      { ...old, [`${hex}.json`]: config, "manifest.json": docker({ Config: `${hex}.json` }) },
      /has the digest sha256:[0-9a-f]+, expected sha256:/,
    ],
    [
      "a layer blob with another digest",
      {
        ...old,
        [`blobs/sha256/${"0".repeat(64)}`]: gzipSync(top),
        "manifest.json": docker({ Layers: ["1/layer.tar", `blobs/sha256/${"0".repeat(64)}`] }),
      },
      /has the digest sha256:[0-9a-f]+, expected sha256:0+$/,
    ],
    ["a layer that isn't tar", { ...old, "1/layer.tar": "x".repeat(2000) }, /invalid tar header/],
  ])("%s, and keeps nothing", async (_, files, message) => {
    await expect(load(tarOf(write(join(base, "in"), files)))).rejects.toMatchObject({
      kind: "invalid-argument",
      message: expect.stringMatching(message),
    });
    expect(listImages(deps)).toEqual([]);
    const kept = ["layers", "active", "tmp"].flatMap((name) => readdirSync(join(store.host.root, name)));
    expect(kept).toEqual([]);
  });

  test.each([
    [
      "of another history",
      [{ created_by: "other" }],
      [{ created_by: "one" }, { created_by: "two" }],
      /is not a valid parent for/,
    ],
    ["of as long a history", [{ created_by: "one" }], [{ created_by: "one" }], /is not a valid parent for/],
    ["that has none, as its child", undefined, undefined, undefined],
    ["that is a step behind", [{ created_by: "one" }], [{ created_by: "one" }, { created_by: "two" }], undefined],
  ] as const)("a parent %s", async (_, before, after, message) => {
    const [parent, child] = [before, after].map((history, place) =>
      configFor(layers, { author: String(place), ...(history && { history }) }),
    ) as [Buffer, Buffer];
    const item = { Layers: ["1/layer.tar", "2/layer.tar"] };
    const list = [
      { Config: "parent.json", RepoTags: ["name:1"], ...item },
      { Config: "child.json", RepoTags: ["name:2"], ...item, Parent: digestOf(parent) },
    ];
    const files = { ...old, "parent.json": parent, "child.json": child, "manifest.json": json(list) };
    const loaded = load(tarOf(write(join(base, "in"), files)));
    if (message !== undefined) return await expect(loaded).rejects.toThrow(message);
    await loaded;
    const known = before === undefined ? undefined : digestOf(parent);
    expect(getImage(deps, "name:2").parent).toBe(known);
  });

  const image = manifestFor(config, layers);
  test.each<readonly [string, Files, RegExp]>([
    [
      "a blob of another size",
      { "index.json": json({ manifests: [{ ...descriptor(manifestType, image), size: 3 }] }), [blob(image)]: image },
      /has \d+ bytes, expected 3$/,
    ],
    [
      "a blob of another digest",
      {
        "index.json": json({ manifests: [descriptor(manifestType, image)] }),
        [blob(image)]: Buffer.from(image).fill(32, 1, 2),
      },
      /has the digest/,
    ],
    [
      "a missing blob",
      { "index.json": json({ manifests: [descriptor(manifestType, image)] }) },
      /no such file or directory$/,
    ],
    [
      "an index without manifests",
      { "index.json": "{}" },
      /index index\.json can't be read: it has no list of manifests$/,
    ],
    [
      "an unknown media type",
      { "index.json": json({ manifests: [descriptor("text/plain", image)] }) },
      /unsupported media type "text\/plain"$/,
    ],
    [
      "a manifest without layers",
      { "index.json": json({ manifests: [descriptor(manifestType, json({}))] }), [blob(json({}))]: json({}) },
      /manifest sha256:\w+ can't be read: it has no config$/,
    ],
  ])("of a layout: %s", async (_, files, message) => {
    await expect(load(write(join(base, "in"), files))).rejects.toThrow(message);
    expect(listImages(deps)).toEqual([]);
  });

  test("what is cut off", async () => {
    const archive = readFileSync(tarOf(write(join(base, "in"), old)));
    writeFileSync(join(base, "cut.tar"), archive.subarray(0, archive.indexOf("bottom") + 3));
    await expect(load(join(base, "cut.tar"))).rejects.toThrow("unexpected EOF");
    await expect(load(streamOf(readFileSync(join(base, "cut.tar"))))).rejects.toThrow("unexpected EOF");
  });
});

describe("save", () => {
  beforeEach(async () => {
    await load(
      tarOf(
        write(join(base, "in"), { ...old, "manifest.json": docker({ RepoTags: ["name:1", "name:2", "other:1"] }) }),
      ),
    );
  });
  const saved = async (names: readonly string[], options: Parameters<typeof saveImages>[2] = {}): Promise<Buffer> =>
    Buffer.concat(await Array.fromAsync(saveImages(deps, names, options)));
  const fileIn = (archive: Buffer, name: string): unknown =>
    JSON.parse(execFileSync("tar", ["-xO", name], { input: archive }).toString());

  test("gives equal bytes for equal images, which load as the same", async () => {
    const first = await saved(["name:1"]);
    expect((await saved(["name:1"])).equals(first)).toBe(true);
    await using other = await testStore();
    const there: ImageDeps = { ...other, content: openContent(other.host) };
    expect(await Array.fromAsync(loadImages(there, streamOf(first)))).toEqual([
      { id, references: ["name:1"], moved: [] },
    ]);
    expect(Buffer.concat(await Array.fromAsync(saveImages(there, ["name:1"]))).equals(first)).toBe(true);
    expect(getImage(there, id).size).toBe(9);
  });

  test.each<readonly [readonly string[], readonly string[] | null]>([
    [["name:1"], ["name:1"]],
    [["name"], ["name:1", "name:2"]],
    [
      ["other:1", "name:2"],
      ["other:1", "name:2"],
    ],
    [[id], null],
    [[hexOf(id).slice(0, 12)], null],
  ])("%j has the names %j", async (names, tags) => {
    expect(fileIn(await saved(names), "manifest.json")).toMatchObject([{ RepoTags: tags }]);
  });

  test("as an OCI layout has no more than that", async () => {
    const archive = await saved(["name:1"], { format: "oci" });
    const names = execFileSync("tar", ["-t"], { input: archive }).toString().trim().split("\n");
    expect(names.filter((name) => !name.startsWith("blobs/"))).toEqual(["index.json", "oci-layout"]);
    expect(fileIn(archive, "index.json")).toMatchObject({
      manifests: [
        {
          annotations: {
            "io.containerd.image.name": "docker.io/library/name:1",
            "org.opencontainers.image.ref.name": "1",
          },
        },
      ],
    });
  });

  test.each<readonly [readonly string[], object, RegExp]>([
    [["none"], {}, /^No such image: none$/],
    [["none:1"], {}, /^reference does not exist$/],
    [[`sha256:${"0".repeat(64)}`], {}, /^No such image: sha256:0+$/],
    [
      ["name:1"],
      { platforms: [parsePlatform("arm64")] },
      /^no suitable export target found for platform linux\/arm64$/,
    ],
  ])("%j refuses", async (names, options, message) => {
    await expect(saved(names, options)).rejects.toThrow(message);
  });
});
