import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { constants, deflateRawSync } from "node:zlib";
import type { Handler } from "./listen.ts";
import type { ServedBlob } from "./served-image.ts";

/** What a registry answers for one name. */
export interface Served {
  readonly type?: string;
  readonly bytes: Buffer;
  /** In the header `Docker-Content-Digest`; the right one when absent, none for an empty text. */
  readonly digest?: string;
}

/** What a registry has. Names of manifests are tags and digests. */
export interface Contents {
  readonly manifests?: Readonly<Record<string, Served>>;
  readonly blobs?: Readonly<Record<string, Buffer>>;
}

const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** Answer as a registry that has these things in each repository; `first` may answer before it, and says whether it did. */
export function serve(
  contents: Contents,
  first: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
): Handler {
  return (request, response) => {
    if (first(request, response)) return;
    const { method } = request;
    // A mirror is told whose it is.
    const [url = ""] = (request.url ?? "").split("?");
    const found = foundAt(contents, url);
    if (found === undefined) response.writeHead(url === "/v2/" ? 200 : 404).end("{}");
    else response.writeHead(200, headersOf(found)).end(method === "HEAD" ? undefined : found.bytes);
  };
}

function foundAt({ manifests = {}, blobs = {} }: Contents, url: string): Served | undefined {
  const name = url.split("/").at(-1) ?? "";
  if (url.includes("/manifests/")) return manifests[name];
  const bytes = url.includes("/blobs/") ? blobs[name] : undefined;
  return bytes === undefined ? undefined : { bytes, digest: "", type: "application/octet-stream" };
}

function headersOf({ bytes, type = manifestType, digest = digestOf(bytes) }: Served): OutgoingHttpHeaders {
  const named = digest === "" ? {} : { "Docker-Content-Digest": digest };
  return { "Content-Type": type, "Content-Length": bytes.length, ...named };
}

/** A manifest or an index as a blob: any JSON. */
export function jsonBlob(value: unknown): ServedBlob {
  const bytes = Buffer.from(JSON.stringify(value));
  return { bytes, digest: digestOf(bytes) };
}

/** A descriptor of a blob. @param more what it says beside that, or instead */
export function descriptorOf(mediaType: string, { digest, bytes }: ServedBlob, more: object = {}): object {
  return { mediaType, digest, size: bytes.length, ...more };
}

/** An index with these entries. */
export function indexOf(entries: readonly object[]): ServedBlob {
  return jsonBlob({ schemaVersion: 2, mediaType: indexType, manifests: entries });
}

/** An image in so many indexes, one in the other: all of them, the outermost first. */
export function nestedIndexes(manifest: ServedBlob, depth: number): readonly ServedBlob[] {
  const indexes: ServedBlob[] = [indexOf([descriptorOf(manifestType, manifest)])];
  while (indexes.length < depth) {
    const [outer = manifest] = indexes;
    indexes.unshift(indexOf([descriptorOf(indexType, outer)]));
  }
  return indexes;
}

/** Manifests by their digests, and the first one by the tag `latest`. */
export function byDigest(blobs: readonly ServedBlob[], type?: string): Readonly<Record<string, Served>> {
  const typed = (bytes: Buffer): Served => ({
    bytes,
    type: type ?? (JSON.parse(bytes.toString()) as { mediaType: string }).mediaType,
  });
  const entries = blobs.map(({ digest, bytes }) => [digest, typed(bytes)] as const);
  return Object.fromEntries([...entries, ...entries.slice(0, 1).map(([, served]) => ["latest", served] as const)]);
}

/** Send without end until the client goes away. @param counted told how many bytes were sent so far */
export async function flood(
  response: ServerResponse,
  chunk: Buffer,
  counted: (bytes: number) => void = () => undefined,
): Promise<void> {
  const closed = once(response, "close");
  let sent = 0;
  while (!response.destroyed) {
    sent += chunk.length;
    counted(sent);
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), closed]);
  }
}

/** Zeroes, compressed by gzip a thousand times. @param gibibytes of zeroes that come out */
export function zeroBomb(gibibytes: number): Buffer {
  const piece = deflateRawSync(Buffer.alloc(1 << 26), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  const pieces = Array.from({ length: gibibytes * 16 }, () => piece);
  // The end: an empty last block, and a checksum that nobody comes to.
  return Buffer.concat([head, ...pieces, Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0])]);
}

/** `sha256:…` */
export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
