import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path/posix";
import { bytesOf } from "../archive/byte-string.ts";
import { FreeSpace } from "../archive/free-space.ts";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { type ChainID, type Digest, digestOf, parseDigest } from "../oci/digest.ts";
import type { HttpResponse } from "../registry/connection.ts";
import { openBuildCache } from "./cache.ts";
import { type HttpOp, httpDirectory } from "./graph.ts";
import { type HttpClient, openHttp } from "./http-source.ts";
import type { OpDeps } from "./op-deps.ts";
import { withoutCredentials } from "./redact.ts";
import type { Solved, StepOperation, Work } from "./solve.ts";

/** What downloads work with. */
export interface HttpDeps extends OpDeps {
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
}

/** Where the layer has what the server said of it: the next build asks whether that is still so. */
const answerName = "answer.json";

/**
 * The work of `ADD` from a web server: a layer with the file and what the server said. With a checksum, what is known by it is a
 * hit, and nobody is asked. Without, the server is asked whether the file is what it was, by its ETag.
 */
export function planHttp(deps: HttpDeps, op: HttpOp, vertex: Digest): Work {
  const { checksum, name } = op;
  return {
    keys: checksum === undefined ? [] : [async () => digestOf(JSON.stringify(["http", name, checksum]))],
    run: (operation) => download(deps, { op, vertex }, operation),
  };
}

interface HttpVertex {
  readonly op: HttpOp;
  readonly vertex: Digest;
}

/** A file that is here, and what the server called it. */
interface Known {
  readonly chainID: ChainID;
  readonly etag: string;
}

async function download(deps: HttpDeps, { op, vertex }: HttpVertex, operation: StepOperation): Promise<Solved> {
  const key = digestOf(JSON.stringify(["http-address", op.url, op.name]));
  const known = op.checksum === undefined ? knownBy(deps, key) : undefined;
  using http = await openHttp();
  try {
    const response = await askFor(http, op, { known, headers: authorization(op.url, deps.secrets), ...operation });
    if (known !== undefined && response === undefined) return { chainID: known.chainID, keys: [key] };
    if (response === undefined) throw new Error("no answer, though nothing was known");
    const chainID = await keep(deps, { op, vertex, response }, operation);
    return op.checksum === undefined ? { chainID, keys: [key] } : { chainID };
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind === "canceled") throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new BerthError(error.kind, `failed to load cache key: ${error.message}`, { cause: error, ...hint });
  }
}

interface Asking {
  readonly known: Known | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** Ask for a file. @returns undefined when it is what is known */
async function askFor(
  http: HttpClient,
  { url }: HttpOp,
  { known, headers, signal }: Asking,
): Promise<HttpResponse | undefined> {
  const conditional = known === undefined ? headers : { ...headers, "If-None-Match": known.etag };
  if (known !== undefined) {
    // Some servers look at the condition of no GET: first the head alone.
    const head = await headOf(http, url, { headers: conditional, signal });
    if (head?.status === 304 || (head?.status === 200 && isSame(head.headers.etag, known.etag))) return undefined;
  }
  const response = await http.ask(url, { headers: conditional, signal });
  if (known !== undefined && response.status === 304) {
    response.discard();
    return undefined;
  }
  if (response.status >= 200 && response.status < 300) return response;
  response.discard();
  throw new BerthError("unavailable", `invalid response status ${response.status}`, {
    hint: `${response.url.origin} answered so when it was asked for ${response.url.pathname}.`,
  });
}

/** The head alone; undefined from a server that doesn't answer when it is asked for that. */
async function headOf(
  http: HttpClient,
  url: string,
  question: Omit<Asking, "known">,
): Promise<HttpResponse | undefined> {
  try {
    const response = await http.ask(url, { method: "HEAD", ...question });
    response.discard();
    return response;
  } catch (error) {
    if (error instanceof BerthError && error.kind === "unavailable") return undefined;
    throw error;
  }
}

/** A weak tag names the same file as the strong one. */
function isSame(one: string | undefined, other: string): boolean {
  return one?.replace(/^W\//, "") === other.replace(/^W\//, "");
}

function knownBy(deps: OpDeps, key: string): Known | undefined {
  const cache = openBuildCache(deps.db, (chainID) => deps.snapshotter.find(chainID) !== undefined);
  const chainID = cache.find(key)?.chainID;
  if (chainID === undefined) return undefined;
  const [directory = ""] = deps.snapshotter.directories(chainID);
  const answer: unknown = JSON.parse(readFileSync(join(directory, answerName), "utf8"));
  const etag = typeof answer === "object" && answer !== null && "etag" in answer ? answer.etag : undefined;
  return typeof etag === "string" ? { chainID, etag } : undefined;
}

/** What secrets say of who asks: `HTTP_AUTH_HEADER_host`, or `HTTP_AUTH_TOKEN_host`, as in BuildKit. */
function authorization(url: string, secrets: HttpDeps["secrets"]): Readonly<Record<string, string>> {
  const { hostname } = new URL(url);
  const textOf = (name: string): string | undefined => {
    const secret = secrets?.get(`${name}_${hostname}`);
    return secret === undefined ? undefined : Buffer.from(secret).toString().trim();
  };
  const token = textOf("HTTP_AUTH_TOKEN");
  const value = token === undefined ? textOf("HTTP_AUTH_HEADER") : `Bearer ${token}`;
  return value === undefined ? {} : { Authorization: value };
}

interface Download extends HttpVertex {
  readonly response: HttpResponse;
}

/** Make a layer of an answer. @throws {BerthError} invalid-argument, when it isn't what the checksum says */
async function keep(
  deps: OpDeps,
  { op, vertex, response }: Download,
  { signal, report }: StepOperation,
): Promise<ChainID> {
  await using snapshot = await deps.snapshotter.prepare(`build-${randomID()}`, undefined);
  const { upper } = snapshot;
  mkdirSync(join(upper, httpDirectory), { mode: 0o755 });
  const file = join(upper, httpDirectory, op.name);
  const total = Number(response.headers["content-length"]);
  const tell = (current: number): void =>
    report?.({ kind: "bytes", id: vertex, name: op.name, current, ...(total >= current ? { total } : {}) });
  const found = await write(file, response, { tell, space: new FreeSpace(bytesOf(upper)) });
  if (op.checksum !== undefined && op.checksum !== found) {
    const message = `digest mismatch for ${withoutCredentials(op.url)}: ${found} (expected: ${op.checksum})`;
    throw new BerthError("invalid-argument", message);
  }
  const { etag, "last-modified": modified = "" } = response.headers;
  const time = Date.parse(modified);
  utimesSync(file, ...times(Number.isNaN(time) ? 0 : time));
  writeFileSync(join(upper, answerName), JSON.stringify(etag === undefined ? {} : { etag }));
  return (await snapshot.commit({ signal })).chainID;
}

function times(milliseconds: number): [atime: number, mtime: number] {
  return [milliseconds / 1000, milliseconds / 1000];
}

interface Writing {
  readonly space: FreeSpace;
  tell(current: number): void;
}

/** Bytes after which progress is told again. */
const stride = 1 << 20;

/** Write a body to a new file. @returns what it is by content */
async function write(path: string, response: HttpResponse, { space, tell }: Writing): Promise<Digest> {
  await using file = await open(path, "wx", 0o600);
  const hash = createHash("sha256");
  let current = 0;
  let told = 0;
  for await (const chunk of response.body) {
    space.announce(bytesOf(path), chunk.length);
    hash.update(chunk);
    await file.appendFile(chunk);
    current += chunk.length;
    if (current - told < stride) continue;
    told = current;
    tell(current);
  }
  tell(current);
  return parseDigest(`sha256:${hash.digest("hex")}`);
}
