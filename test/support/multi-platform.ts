import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { baseArchives } from "./images.ts";

/** The image for several platforms that tests use, as an OCI layout. */
export interface MultiPlatform {
  /** Digest of its index; of the one that stands for it, where the layout lists its manifests. */
  readonly digest: string;
  /** Of each platform, as `linux/arm64/v8`, the digests of its config and its manifest. */
  readonly images: ReadonlyMap<string, { readonly id: string; readonly manifest: string }>;
  /** Digest of the attestation of the first platform. */
  readonly attestation: string;
}

/** What {@link writeMultiPlatform} takes. */
export interface MultiPlatformOptions {
  /** The image's name, whole. */
  readonly name?: string;
  /** Platforms whose blobs are left out. */
  readonly without?: readonly string[];
  /** Compress the layers. True when absent. */
  readonly packed?: boolean;
  /**
   * `index`: the layout lists the image's index, as BuildKit, containerd and skopeo write it. `list`: it lists the manifests
   * themselves, each with the name, as crane does. `nested`: all but the first are in an index in the index. `index` when absent.
   */
  readonly shape?: "index" | "list" | "nested";
  /** A file in the layers of all platforms, so that there is more than one such image. */
  readonly mark?: string;
}

const index = "application/vnd.oci.image.index.v1+json";
const manifest = "application/vnd.oci.image.manifest.v1+json";

/** This machine's first: it runs. The other has the same base, and a layer of its own. */
export const platforms: readonly string[] = ["linux/amd64", "linux/arm64/v8", "linux/s390x"];

/** Write an OCI layout of an image for {@link platforms}, with an attestation for the first, as BuildKit makes it. */
export function writeMultiPlatform(directory: string, options: MultiPlatformOptions = {}): MultiPlatform {
  const { name, without = [], packed = true, shape = "index", mark = "" } = options;
  const blobs = join(directory, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Buffer): { readonly digest: string; readonly size: number } => {
    writeFileSync(join(blobs, hexOf(digestOf(bytes))), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const putLayer = (layer: Buffer): object => ({
    mediaType: `application/vnd.oci.image.layer.v1.tar${packed ? "+gzip" : ""}`,
    ...put(packed ? gzipSync(layer, { level: 1 }) : layer),
  });
  const base = baseLayer();
  const bottom = putLayer(base);
  const images = platforms.map((platform) => {
    const own = layerOf({ platform: `${platform}\n`, mark });
    const config = put(configOf(platform, [base, own]));
    const body = {
      schemaVersion: 2,
      mediaType: manifest,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [bottom, putLayer(own)],
    };
    return {
      platform,
      id: config.digest,
      entry: { mediaType: manifest, ...put(json(body)), platform: parsed(platform) },
    };
  });
  const attestation: Entry = {
    mediaType: manifest,
    ...put(
      json({
        schemaVersion: 2,
        mediaType: manifest,
        config: put(json({ made: mark })),
        layers: [put(json({ by: 1 }))],
      }),
    ),
    platform: { os: "unknown", architecture: "unknown" },
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": images[0]?.entry.digest ?? "",
    },
  };
  const entries: readonly Entry[] = [...images.map(({ entry }) => entry), attestation];
  const named = name === undefined ? {} : { "io.containerd.image.name": name };
  const putIndex = (manifests: readonly Entry[]): Entry => ({ mediaType: index, ...put(indexOf(manifests)) });
  const list = (): readonly Entry[] => {
    if (shape === "list") return entries;
    const [first, ...rest] = entries;
    return [putIndex(shape === "index" || first === undefined ? entries : [first, putIndex(rest)])];
  };
  const listed = list();
  const manifests = listed.map((each) => ({ ...each, annotations: { ...each.annotations, ...named } }));
  writeFileSync(join(directory, "index.json"), json({ schemaVersion: 2, manifests }));
  writeFileSync(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  for (const { platform, entry } of images) if (without.includes(platform)) rmSync(join(blobs, hexOf(entry.digest)));
  return {
    digest: shape === "list" ? digestOf(indexOf(entries.map(ordered))) : (listed[0]?.digest ?? ""),
    images: new Map(images.map(({ platform, id, entry }) => [platform, { id, manifest: entry.digest }])),
    attestation: attestation.digest,
  };
}

interface Entry {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

function indexOf(manifests: readonly Entry[]): Buffer {
  return json({ schemaVersion: 2, mediaType: index, manifests });
}

/** In the order that berth writes the members of an entry in. */
function ordered({ mediaType, digest, size, annotations, platform }: Entry): Entry {
  const { os = "", architecture = "", ...rest } = platform ?? {};
  return {
    ...{ mediaType, digest, size },
    ...(annotations === undefined ? {} : { annotations: Object.fromEntries(Object.entries(annotations).toSorted()) }),
    platform: { architecture, os, ...rest },
  };
}

function configOf(platform: string, layers: readonly Buffer[]): Buffer {
  return json({
    ...parsed(platform),
    created: "2024-01-02T03:04:05Z",
    config: { Cmd: ["cat", "/platform"], Env: ["PATH=/bin"], Labels: { platform } },
    rootfs: { type: "layers", diff_ids: layers.map(digestOf) },
    history: [{ created_by: "base" }, { created_by: `own of ${platform}` }],
  });
}

function parsed(platform: string): { os: string; architecture: string; variant?: string } {
  const [os = "", architecture = "", variant] = platform.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** The busybox that tests have, for all platforms: only this machine's runs. */
function baseLayer(): Buffer {
  const bytes = readFileSync(baseArchives().busybox);
  return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
}

/** The archive of a layer of files. */
function layerOf(files: Readonly<Record<string, string>>): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "layer-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const archive = execFileSync("tar", [
    "-C",
    directory,
    "--mtime=@1",
    "--owner=0",
    "--group=0",
    "-c",
    ...Object.keys(files),
  ]);
  rmSync(directory, { recursive: true });
  return archive;
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const hexOf = (digest: string): string => digest.replace("sha256:", "");
