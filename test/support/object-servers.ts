import type { IncomingMessage } from "node:http";
import { signed } from "../../src/remote-cache/s3-sign.ts";
import { type Listening, listen } from "./listen.ts";

/** A server that keeps bytes by their names. */
export interface ObjectServer extends Listening {
  readonly objects: Map<string, Buffer>;
  /** What it was asked, as `GET /bucket/name 200`. */
  readonly requests: readonly string[];
}

/** Who may ask {@link openS3Server}. */
export const s3Identity = { region: "nowhere-1", accessKeyID: "who", secretAccessKey: "secret" } as const;

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
}

/** The part of an object that a `Range` asks for. */
function partOf(bytes: Buffer, range: string | undefined): { readonly status: number; readonly part: Buffer } {
  const from = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
  return from === undefined ? { status: 200, part: bytes } : { status: 206, part: bytes.subarray(Number(from)) };
}

/** Start a server that speaks as much of S3 as a cache needs, and takes signed requests alone. */
export async function openS3Server(): Promise<ObjectServer> {
  const objects = new Map<string, Buffer>();
  const requests: string[] = [];
  const server = await listen(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const answer = (status: number, body?: Buffer, more: Readonly<Record<string, string>> = {}): void => {
      requests.push(`${method} ${decodeURIComponent(url)} ${status}`);
      response.writeHead(status, { "Last-Modified": new Date().toUTCString(), ...more });
      response.end(method === "HEAD" ? undefined : body);
    };
    const body = await bodyOf(request);
    if (!isSigned(request)) return answer(403);
    const name = decodeURIComponent(url);
    if (method === "PUT") {
      // Amazon's wants to know the length before.
      if (headers["content-length"] === undefined) return answer(411);
      objects.set(name, body);
      return answer(200);
    }
    const found = objects.get(name);
    if (found === undefined) return answer(404);
    const { status, part } = partOf(found, headers.range);
    answer(status, part, { "Content-Length": String(part.length) });
  });
  return { ...server, objects, requests };
}

function isSigned({ method = "", url = "", headers }: IncomingMessage): boolean {
  const names = /SignedHeaders=([^,]+),/.exec(headers.authorization ?? "")?.[1]?.split(";") ?? [];
  const own = new Set(["host", "x-amz-date", "x-amz-content-sha256"]);
  const sent = names.filter((name) => !own.has(name)).map((name) => [name, String(headers[name])] as const);
  const time = String(headers["x-amz-date"]).replace(/^(....)(..)(..T..)(..)(..)Z$/, "$1-$2-$3:$4:$5Z");
  const { authorization } = signed(
    {
      method,
      url: new URL(url, `http://${headers.host}`),
      headers: Object.fromEntries(sent),
      payload: String(headers["x-amz-content-sha256"]),
    },
    s3Identity,
    new Date(time),
  );
  return authorization === headers.authorization;
}

/** A token of a job that may write the cache of one branch, and read that of another. */
export const githubToken: string = [
  { alg: "none" },
  {
    ac: JSON.stringify([
      { Scope: "refs/heads/mine", Permission: 3 },
      { Scope: "refs/heads/main", Permission: 1 },
    ]),
  },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .join(".")
  .concat(".signature");

/** What a server answers. */
interface Answer {
  readonly status: number;
  readonly value?: object | Buffer;
}

/** What GitHub's cache has, and what of it is being written. */
interface GitHubState {
  readonly objects: Map<string, Buffer>;
  readonly blocks: Map<string, Buffer>;
}

/** Start a server that speaks GitHub's cache service, version 2, and keeps the bytes itself. */
export async function openGitHubServer(): Promise<ObjectServer> {
  const state: GitHubState = { objects: new Map(), blocks: new Map() };
  const requests: string[] = [];
  const server = await listen(async (request, response) => {
    const url = new URL(request.url ?? "", `http://${request.headers.host}`);
    const body = await bodyOf(request);
    const isBlob = url.pathname.startsWith("/blob/");
    const { status, value = {} } = isBlob ? blobAnswer(state, request, body) : serviceAnswer(state, request, body);
    requests.push(`${request.method} ${url.pathname} ${status}`);
    response.writeHead(status);
    response.end(Buffer.isBuffer(value) ? value : JSON.stringify(value));
  });
  return { ...server, objects: state.objects, requests };
}

/** @see Azure Storage, "Put Block" and "Put Block List" */
function blobAnswer({ objects, blocks }: GitHubState, request: IncomingMessage, body: Buffer): Answer {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://blobs");
  const name = decodeURIComponent(pathname.replace("/blob/", ""));
  if (searchParams.get("sig") !== "a+b") return { status: 403 };
  if (request.method !== "PUT") {
    const found = objects.get(name);
    if (found === undefined) return { status: 404 };
    const { status, part } = partOf(found, request.headers.range);
    return { status, value: part };
  }
  if (searchParams.get("comp") === "block") blocks.set(`${name} ${searchParams.get("blockid")}`, body);
  else {
    const ids = [...body.toString().matchAll(/<Latest>([^<]+)<\/Latest>/g)].map(([, id]) => id);
    objects.set(name, Buffer.concat(ids.map((id) => blocks.get(`${name} ${id}`) ?? Buffer.from("?"))));
  }
  return { status: 201 };
}

function serviceAnswer({ objects }: GitHubState, { url = "", headers }: IncomingMessage, body: Buffer): Answer {
  if (headers.authorization !== `Bearer ${githubToken}`) return { status: 401 };
  const asked = JSON.parse(body.toString()) as { readonly key: string; readonly size_bytes?: number };
  const signedURL = (key: string): string => `http://${headers.host}/blob/${encodeURIComponent(key)}?sig=a%2Bb`;
  switch (url.split("/").at(-1)) {
    case "CreateCacheEntry":
      if (objects.has(asked.key)) return { status: 409 };
      return { status: 200, value: { ok: true, signed_upload_url: signedURL(asked.key) } };
    case "FinalizeCacheEntryUpload":
      return { status: 200, value: { ok: objects.get(asked.key)?.length === asked.size_bytes, entry_id: "1" } };
    default: {
      const matched = [...objects.keys()].findLast((key) => key.startsWith(asked.key));
      if (matched === undefined) return { status: 200, value: { ok: false } };
      return { status: 200, value: { ok: true, signed_download_url: signedURL(matched), matched_key: matched } };
    }
  }
}
