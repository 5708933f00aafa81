import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, hexOf } from "../../src/oci/digest.ts";
import { archive, content, deep, entry } from "./make.ts";
import { bzip2, xz } from "./programs.ts";

type Files = Readonly<Record<string, string | Buffer>>;

/** Files of an archive of images, or of a layout. */
export interface ImageCase {
  readonly name: string;
  readonly files: Files;
  readonly expected: "taken" | RegExp;
  /** Why a real Docker on this machine isn't given it. */
  readonly keptFromDocker?: string;
}

const layer = archive(entry("a", "file", "content of a layer"));
const hex = (bytes: string | Buffer): string => hexOf(digestOf(bytes));
const configOf = (more: object = {}, layers: readonly Buffer[] = [layer]): string =>
  JSON.stringify({
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    ...more,
  });

function docker(item: object, files: Files = {}): Files {
  const whole = { Config: "c.json", RepoTags: ["odd:1"], Layers: ["l.tar"], ...item };
  return { "c.json": configOf(), "l.tar": layer, ...files, "manifest.json": JSON.stringify([whole]) };
}
const withConfig = (config: string): Files => docker({}, { "c.json": config });
let layers = 0;
/** A layer that no other case has, as `pack` spoils it, and more of the config. */
function withLayer(pack: (layer: Buffer) => Buffer, more: object = {}): Files {
  const own = archive(entry("a", "file", `layer ${layers++} ${"of some length ".repeat(9)}`));
  return docker({}, { "c.json": configOf(more, [own]), "l.tar": pack(own) });
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";
const blob = (bytes: string | Buffer): string => `blobs/sha256/${hex(bytes)}`;
const pointer = (bytes: string | Buffer, more: object = {}) => ({
  mediaType: manifestType,
  digest: digestOf(bytes),
  size: Buffer.byteLength(bytes),
  ...more,
});
const manifest = JSON.stringify({ config: pointer(configOf()), layers: [pointer(layer)] });
const blobs = (...all: readonly (string | Buffer)[]): Files =>
  Object.fromEntries(all.map((each) => [blob(each), each]));
const layout = (index: unknown, ...more: readonly (string | Buffer)[]): Files => ({
  ...blobs(configOf(), layer, manifest, ...more),
  "index.json": typeof index === "string" ? index : JSON.stringify(index),
});

/** Indexes in each other, `depth` deep, each of which has the next so many `times`. */
function nested(depth: number, times = 1): Files {
  const all = [JSON.stringify({ manifests: [pointer(manifest)] })];
  for (let i = 0; i < depth; i++) {
    const next = pointer(all.at(-1) ?? "", { mediaType: indexType });
    all.push(JSON.stringify({ manifests: Array(times).fill(next) }));
  }
  return layout(all.at(-1), ...all);
}

const listOf = (length: number): string => JSON.stringify({ manifests: Array(length).fill(pointer(manifest)) });
const [few, many] = [listOf(2), listOf(10_001)];
const tooMany = /more than 10000 manifests/;
const refers = (digest: string, size = 3): object => ({ manifests: [{ mediaType: manifestType, digest, size }] });
const decode = /failed to decode|can't be read/;
const tooDeep = /JSON nested more than 500 deep is refused/;
const config = /invalid image config/;

const typed: readonly (readonly [string, unknown])[] = [
  ["config", "text"],
  ["config", []],
  ["history", 7],
  ["history", ["x"]],
  ["history", [{ created: 5 }]],
  ["history", [{ empty_layer: "yes" }]],
  ["created", 5],
  ["author", {}],
  ["os", 1],
  ["architecture", []],
  ["rootfs", "x"],
  ["rootfs", { diff_ids: {} }],
  ["rootfs", { diff_ids: ["sha256:1"] }],
  ["rootfs", { diff_ids: [null] }],
];
const runTyped: readonly (readonly [string, unknown])[] = [
  ["Env", "A=1"],
  ["Env", [1]],
  ["Env", { A: 1 }],
  ["Cmd", [["sh"]]],
  ["Entrypoint", 5],
  ["User", 0],
  ["WorkingDir", ["/"]],
  ["Labels", ["a"]],
  ["Labels", { a: 1 }],
  ["Volumes", "x"],
  ["ExposedPorts", ["80/tcp"]],
  ["StopSignal", 9],
  ["Healthcheck", "x"],
  ["Healthcheck", { Test: "x" }],
  ["Healthcheck", { Interval: "1s" }],
  ["OnBuild", "RUN x"],
  ["Shell", {}],
];

type Row = readonly [name: string, files: Files, expected: ImageCase["expected"], keptFromDocker?: string];

const rows: readonly Row[] = [
  ...typed.map(
    ([key, value]): Row => [
      `a config whose ${key} is ${JSON.stringify(value)}`,
      withConfig(configOf({ [key]: value })),
      config,
    ],
  ),
  ...runTyped.map(
    ([key, value]): Row => [
      `a config whose ${key} is ${JSON.stringify(value)}`,
      withConfig(configOf({ config: { [key]: value } })),
      config,
    ],
  ),
  ["a config whose Cmd is a text", withLayer((layer) => layer, { config: { Cmd: "sh" } }), "taken"],
  ["a config that is a list", withConfig("[]"), config],
  ["a config that is null", withConfig("null"), config],
  ["a config that is no JSON", withConfig("{"), config],
  ["a config that is no UTF-8", docker({}, { "c.json": Buffer.from([0x7b, 0xff, 0x7d]) }), config],
  ["a config 100,000 levels deep", withConfig(`{"a":${deep(100_000)}}`), tooDeep],
  ["a config of 9 megabytes", withConfig(configOf({ comment: "x".repeat(9 << 20) })), /larger than/],
  ["a config named __proto__", docker({ Config: "__proto__" }), /no such file/],
  ["a manifest 100,000 levels deep", { "manifest.json": deep(100_000) }, tooDeep],
  ["a manifest of 9 megabytes", { "manifest.json": `["${"x".repeat(9 << 20)}"]` }, /larger than/],
  ["a manifest that is a number", { "manifest.json": "5" }, decode],
  ["a manifest of numbers", { "manifest.json": "[1]" }, decode],
  ["a manifest of bytes", { "manifest.json": Buffer.alloc(1000, 0xff) }, decode],
  ["a config's name that climbs", docker({ Config: "../../../../etc/passwd" }), /no such file/],
  ["a config's name that is absolute", docker({ Config: "/etc/passwd" }), /no such file/],
  ["an empty config's name", docker({ Config: "" }), /no such file/],
  ["a layer's name that climbs", docker({ Layers: ["../../../../etc/passwd"] }), /no such file/],
  ["a layer that is the config", docker({ Layers: ["c.json"] }), /tar header|EOF/],
  ["layers that are text", docker({ Layers: "l.tar" }), decode],
  ["a name that is none", docker({ RepoTags: ["../x:1"] }), /invalid reference format/],
  ["a name of control characters", docker({ RepoTags: ["a\u001b[31m:1"] }), /invalid reference format/],
  ["a name of 100,000 characters", docker({ RepoTags: [`${"a".repeat(100_000)}:1`] }), /not be more than/],
  ["a name that makes a slow expression slower", docker({ RepoTags: [`${"a-".repeat(50_000)}!:1`] }), /invalid/],
  [
    "one image twice",
    { ...docker({}), "manifest.json": JSON.stringify([1, 2].map(() => ({ Config: "c.json", Layers: ["l.tar"] }))) },
    "taken",
  ],
  [
    "10,000 layers",
    docker({ Layers: Array(10_000).fill("l.tar") }, { "c.json": configOf({}, Array(10_000).fill(layer)) }),
    /max depth exceeded/,
    "Docker would unpack more than a hundred before it finds them too many",
  ],
  ["fewer layers than the config has", docker({ Layers: [] }), /layers length mismatch/],
  ["an index 100,000 levels deep", layout(deep(100_000)), tooDeep],
  ["an index that is no JSON", layout("{"), decode],
  ["an index of null", layout("null"), decode],
  ["an index whose manifests are text", layout({ manifests: "x" }), decode],
  ["an index of nulls", layout({ manifests: [null] }), decode],
  ["a digest that climbs", layout(refers("sha256:../../../../etc/passwd")), decode],
  ["a digest of another algorithm", layout(refers(`sha512:${"0".repeat(128)}`)), decode],
  ["a digest in capitals", layout(refers(`sha256:${"A".repeat(64)}`)), decode],
  ["a negative size", layout(refers(digestOf(manifest), -1)), decode],
  ["a size that is a fraction", layout(refers(digestOf(manifest), 1.5)), decode],
  ["a size that is too small", layout(refers(digestOf(manifest), 3)), /expected 3/],
  ["a huge size", layout(refers(digestOf(manifest), Number.MAX_SAFE_INTEGER)), /expected 9007199254740991/],
  ["a blob that isn't there", layout(refers(digestOf("none"))), /no such file/],
  [
    "a blob of another digest",
    {
      ...layout({ manifests: [pointer(manifest)] }),
      [blob(manifest)]: manifest.replace("{", " ").padEnd(manifest.length),
    },
    /has the digest/,
  ],
  ["a platform that is text", layout({ manifests: [pointer(manifest, { platform: "x" })] }), decode],
  ["annotations that are numbers", layout({ manifests: [pointer(manifest, { annotations: { a: 1 } })] }), decode],
  ["a manifest for a list", layout({ manifests: [pointer(manifest, { mediaType: indexType })] }), decode],
  ["an unknown media type", layout({ manifests: [pointer(manifest, { mediaType: "x/y" })] }), /unsupported media type/],
  ["indexes 7 deep", nested(7), "taken"],
  ["indexes 100 deep", nested(100), /nested deeper/],
  [
    "an index that is listed 100 times",
    layout({ manifests: Array(100).fill(pointer(few, { mediaType: indexType })) }, few),
    "taken",
  ],
  ["indexes each of which has the next 100 times", nested(7, 100), "taken"],
  ["more manifests than a layout may have", layout({ manifests: Array(10_001).fill(pointer(manifest)) }), tooMany],
  ["an index of more manifests", layout({ manifests: [pointer(many, { mediaType: indexType })] }, many), tooMany],
  [
    "a name in the layout that is none",
    layout({ manifests: [pointer(manifest, { annotations: { "io.containerd.image.name": "A B/c:1" } })] }),
    /invalid|lowercase/,
  ],
  ["a gzip layer that is cut off", withLayer((layer) => gzipSync(layer).subarray(0, 60)), /EOF/],
  [
    "a gzip layer with garbage behind it",
    withLayer((layer) => Buffer.concat([gzipSync(layer), Buffer.from("garbage")])),
    /gzip/,
  ],
  ["a gzip layer with another sum", withLayer((layer) => gzipSync(layer).fill(0, 100)), /gzip/],
  ["a zstd layer that is cut off", withLayer((layer) => zstdCompressSync(layer).subarray(0, 40)), /EOF|zstd/],
  ["a zstd layer that is damaged", withLayer((layer) => zstdCompressSync(layer).fill(7, 10, 30)), /zstd|EOF|diffID/],
  ["an xz layer that is cut off", withLayer((layer) => xz(layer).subarray(0, 80)), /EOF/],
  [
    "an xz layer with garbage behind it",
    withLayer((layer) => Buffer.concat([xz(layer), Buffer.from("garbage")])),
    /xz|EOF/,
  ],
  ["a bzip2 layer that is cut off", withLayer((layer) => bzip2(layer).subarray(0, 60)), /EOF|bzip2/],
  ["a layer compressed twice", withLayer((layer) => gzipSync(gzipSync(layer))), /invalid|EOF/],
  ["a layer that is nothing", withLayer(() => Buffer.alloc(0)), /diffID/],
];

/** Every hostile archive of images. */
export const imageCases: readonly ImageCase[] = rows.map(([name, files, expected, keptFromDocker]) => ({
  name,
  files,
  expected,
  // A Docker without containerd's store knows only its own form.
  ...(keptFromDocker === undefined && "manifest.json" in files
    ? {}
    : { keptFromDocker: keptFromDocker ?? "Docker's own store doesn't read layouts" }),
}));

/** An archive of a case's files. */
export function archiveOfImages(files: Files): Buffer {
  const parts = Object.entries(files).map(([name, bytes]) => {
    const data = Buffer.from(bytes);
    return Buffer.concat([entry(name, "file", "", { size: data.length }), content(data)]);
  });
  return archive(...parts);
}
