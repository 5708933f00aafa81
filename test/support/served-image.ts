import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { baseArchives } from "./images.ts";
import type { Handler } from "./listen.ts";

/** A blob, and what names it. */
export interface ServedBlob {
  readonly digest: string;
  readonly bytes: Buffer;
}

/** An image of two layers, busybox and one with the file `/data`, as a registry has it. */
export interface ServedImage {
  readonly manifest: ServedBlob;
  readonly config: ServedBlob;
  /** The bottom one first, compressed. */
  readonly layers: readonly ServedBlob[];
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** Make an image. @param size bytes of `/data`, which don't compress */
export function makeImage(size: number): ServedImage {
  const archives = [readFileSync(baseArchives().busybox), dataLayer(size)];
  const layers = archives.map((archive) => blobOf(gzipSync(archive, { level: 1 })));
  const config = blobOf(
    json({
      os: "linux",
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      config: { Cmd: ["sha256sum", "/data"], Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: archives.map((archive) => digestOf(archive)) },
    }),
  );
  return { config, layers, manifest: manifestOf(config, layers) };
}

/** The manifest of an image. @param more what is otherwise than usual */
export function manifestOf(
  config: ServedBlob,
  layers: readonly ServedBlob[],
  more: Readonly<Record<string, unknown>> = {},
): ServedBlob {
  const described = (mediaType: string, { digest, bytes }: ServedBlob) => ({ mediaType, digest, size: bytes.length });
  return blobOf(
    json({
      schemaVersion: 2,
      mediaType: manifestType,
      config: described("application/vnd.oci.image.config.v1+json", config),
      layers: layers.map((layer) => described("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
      ...more,
    }),
  );
}

function dataLayer(size: number): Buffer {
  const directory = mkdtempSync(join(tmpdir(), "layer-"));
  try {
    writeFileSync(join(directory, "data"), randomBytes(size));
    return execFileSync("tar", ["-C", directory, "--mtime=@1", "--owner=0", "--group=0", "-c", "data"], {
      maxBuffer: size + (1 << 20),
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What a test does with a blob that is asked for: `send` has it sent, anything else is up to the test. */
export type BlobHook = (
  blob: ServedBlob,
  request: IncomingMessage,
  response: ServerResponse,
) => "send" | "done" | Promise<"send" | "done">;

/** Answer as a registry that has an image with the tag `latest` in every repository. */
export function serveImage(image: ServedImage, onBlob: BlobHook = () => "send"): Handler {
  const blobs = new Map([image.config, ...image.layers].map((blob) => [blob.digest, blob]));
  const manifests = ["latest", image.manifest.digest].map((name) => `manifests/${name}`);
  return async (request, response) => {
    const [url = ""] = request.url?.split("?") ?? [];
    const blob = blobs.get(url.slice(url.lastIndexOf("/") + 1));
    if (manifests.some((name) => url.endsWith(name))) sendManifest(image.manifest, request, response);
    else if (blob === undefined) response.writeHead(url === "/v2/" ? 200 : 404).end("{}");
    else if ((await onBlob(blob, request, response)) === "send") sendBlob(blob, request, response);
  };
}

function sendManifest({ digest, bytes }: ServedBlob, { method }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, {
    "Content-Type": manifestType,
    "Docker-Content-Digest": digest,
    "Content-Length": bytes.length,
  });
  response.end(method === "HEAD" ? undefined : bytes);
}

/** Send a blob, or the part of it that is asked for. */
export function sendBlob({ bytes }: ServedBlob, { headers }: IncomingMessage, response: ServerResponse): void {
  const [asked, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "") ?? [];
  const from = Number(first ?? 0);
  const end = last ? Number(last) + 1 : bytes.length;
  const range = asked === undefined ? {} : { "Content-Range": `bytes ${from}-${end - 1}/${bytes.length}` };
  response.writeHead(asked === undefined ? 200 : 206, { "Content-Length": end - from, ...range });
  response.end(bytes.subarray(from, end));
}

/** Bytes, and their digest. */
export function blobOf(bytes: Buffer): ServedBlob {
  return { digest: digestOf(bytes), bytes };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
