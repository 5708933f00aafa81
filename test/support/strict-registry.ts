import type { IncomingMessage, ServerResponse } from "node:http";
import { digestOf } from "../../src/oci/digest.ts";
import { blobsIn, entriesOf, indexType, jsonIn } from "../../src/oci/image-index.ts";
import { type Listening, listen } from "./listen.ts";
import {
  type Call,
  type CalledRegistry,
  checkDigest,
  type Exchange,
  type Manifest,
  notAllowed,
  Refused,
  type Repository,
  type StrictOptions,
  sendBytes,
} from "./strict-call.ts";
import { uploads } from "./strict-uploads.ts";

/**
 * A registry in memory that gives what the specification demands of it, and no header more, and writes down what a client sends that
 * it shouldn't.
 *
 * @see distribution-spec v1.1
 */
export interface StrictRegistry extends Listening {
  /** What no client should send, in words. */
  readonly violations: readonly string[];
  /** Method and path of what it was asked, but for `/v2/`, with the status of the answer: `PUT /v2/app/manifests/v1 201`. */
  readonly requests: readonly string[];
  /** Do this with the next request that has this method and a path of this form. */
  readonly meddle: (method: string, path: RegExp, act: (exchange: Exchange) => void) => void;
}

/** Start one. */
export async function openStrictRegistry(options: StrictOptions = {}): Promise<StrictRegistry> {
  const registry = new Registry(options);
  const server = await listen((request, response) => registry.answer(request, response));
  return Object.assign(server, {
    violations: registry.violations,
    requests: registry.requests,
    meddle: (method: string, path: RegExp, act: (exchange: Exchange) => void) => {
      registry.meddling.push({ method, path, act });
    },
  });
}

const tagForm = /^\w[\w.-]{0,127}$/;
const nameForm = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;

class Registry implements CalledRegistry {
  readonly violations: string[] = [];
  readonly requests: string[] = [];
  readonly meddling: { readonly method: string; readonly path: RegExp; readonly act: (exchange: Exchange) => void }[] =
    [];
  readonly options: StrictOptions;
  readonly repositories: Map<string, Repository> = new Map();

  constructor(options: StrictOptions) {
    this.options = options;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    response.once("close", () => {
      if (url !== "/v2/") this.requests.push(`${method} ${url} ${response.statusCode}`);
    });
    const exchange: Exchange = { request, response, body: Buffer.concat(await request.toArray()) };
    const place = this.meddling.findIndex((each) => each.method === method && each.path.test(url));
    this.meddling.splice(place, place < 0 ? 0 : 1).forEach(({ act }) => void act(exchange));
    if (response.writableEnded || response.destroyed) return;
    try {
      this.#checkRequest(exchange);
      this.#serve(exchange);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const body = JSON.stringify({ errors: [{ code: error.code, message: "", detail: null }] });
      response.writeHead(error.status, { "Content-Type": "application/json", "Content-Length": body.length });
      response.end(method === "HEAD" ? undefined : body);
    }
  }

  wrong(what: string): void {
    this.violations.push(what);
  }

  /** What holds of every request. */
  #checkRequest({ request, body }: Exchange): void {
    const { method = "", url = "", headers } = request;
    const told = `${method} ${url}`;
    if (["GET", "HEAD", "DELETE"].includes(method) && body.length > 0) this.wrong(`${told} has a body`);
    const length = headers["content-length"];
    const isSent = ["POST", "PUT", "PATCH"].includes(method);
    if (isSent && length === undefined && headers["transfer-encoding"] === undefined)
      this.wrong(`${told} has no length`);
    if (headers.authorization !== undefined) this.wrong(`${told} says who asks, though nobody wanted to know`);
    const range = headers.range;
    if (range !== undefined && !/^bytes=\d+-\d*$/.test(range)) this.wrong(`${told} wants the range ${range}`);
  }

  #serve(exchange: Exchange): void {
    const { request, response } = exchange;
    const { method = "", url = "" } = request;
    const { pathname, searchParams: query } = new URL(url, "http://registry");
    if (pathname === "/v2/") return void response.end();
    const form = /^\/v2\/(.+)\/(blobs\/uploads\/|blobs\/|manifests\/|tags\/|referrers\/)([^/]*)$/;
    const [, path = "", kind = "", name = ""] = form.exec(pathname) ?? [];
    if (!nameForm.test(path)) {
      this.wrong(`${method} ${url} names no repository`);
      throw new Refused(404, "NAME_INVALID");
    }
    const repository = this.repositories.get(path) ?? newRepository();
    if (isSending(method)) this.repositories.set(path, repository);
    const call: Call = { ...exchange, registry: this, path, repository, method, query, name };
    checkQuery(call, kind);
    const endpoint = endpoints[kind];
    if (endpoint === undefined) throw new Error(`no endpoint ${kind}`);
    endpoint(call);
  }
}

function isSending(method: string): boolean {
  return method === "POST" || method === "PUT";
}

function newRepository(): Repository {
  return { blobs: new Map(), manifests: new Map(), tags: new Map(), uploads: new Map() };
}

/** What a query may have. `state` is the registry's own. */
const parameters: Readonly<Record<string, readonly string[]>> = {
  "blobs/uploads/": ["mount", "from", "digest", "state"],
  "tags/": ["n", "last"],
  "referrers/": ["artifactType"],
};

function checkQuery({ registry, query, method, path, name }: Call, kind: string): void {
  const known = parameters[kind] ?? [];
  for (const key of query.keys()) {
    if (!known.includes(key)) registry.wrong(`${method} of ${path}/${kind}${name} has a parameter ${key}`);
  }
}

const endpoints: Readonly<Record<string, (call: Call) => void>> = {
  "blobs/": blobs,
  "blobs/uploads/": uploads,
  "manifests/": manifests,
  "tags/": tags,
  "referrers/": referrers,
};

function blobs(call: Call): void {
  checkDigest(call);
  if (call.method !== "GET" && call.method !== "HEAD") notAllowed();
  const bytes = call.repository.blobs.get(call.name);
  if (bytes === undefined) throw new Refused(404, "BLOB_UNKNOWN");
  if (call.request.headers.range === undefined) sendBytes(call, bytes, { "Content-Type": "application/octet-stream" });
  else sendPart(call, bytes);
}

function sendPart({ request, response }: Call, bytes: Buffer): void {
  const [, first = "", last = ""] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  if (Number(first) >= bytes.length) throw new Refused(416, "UNKNOWN");
  const part = bytes.subarray(Number(first), last === "" ? bytes.length : Number(last) + 1);
  const range = `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`;
  response.writeHead(206, { "Content-Length": part.length, "Content-Range": range });
  response.end(part);
}

function manifests(call: Call): void {
  const { name, method } = call;
  if (name.includes(":")) checkDigest(call);
  else if (!tagForm.test(name)) call.registry.wrong(`${name} is no tag`);
  if (method === "PUT") putManifest(call);
  else if (method === "DELETE") deleteManifest(call);
  else getManifest(call);
}

function manifestOf({ repository, name }: Call): Manifest & { readonly digest: string } {
  const digest = name.includes(":") ? name : (repository.tags.get(name) ?? "");
  const found = repository.manifests.get(digest);
  if (found === undefined) throw new Refused(404, "MANIFEST_UNKNOWN");
  return { ...found, digest };
}

function getManifest(call: Call): void {
  const { method, name, request } = call;
  if (method !== "GET" && method !== "HEAD") notAllowed();
  const { mediaType, bytes } = manifestOf(call);
  const accept = String(request.headers.accept ?? "").split(/\s*,\s*/);
  if (!accept.includes(mediaType)) call.registry.wrong(`${method} of ${name} doesn't accept ${mediaType}`);
  sendBytes(call, bytes, { "Content-Type": mediaType });
}

function deleteManifest(call: Call): void {
  const { registry, repository, response } = call;
  const { digest } = manifestOf(call);
  if (registry.options.deletes !== true) notAllowed();
  repository.manifests.delete(digest);
  for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag);
  response.writeHead(202).end();
}

function putManifest(call: Call): void {
  const { registry, repository, name, body, path } = call;
  const mediaType = String(call.request.headers["content-type"]);
  const digest = digestOf(body);
  if (name.includes(":") && name !== digest) throw new Refused(400, "DIGEST_INVALID");
  const value = jsonIn(body) as
    | { readonly mediaType?: string; readonly subject?: { readonly digest: string } }
    | undefined;
  if (value?.mediaType !== undefined && value.mediaType !== mediaType) {
    registry.wrong(`a manifest that says ${value.mediaType} was sent as ${mediaType}`);
  }
  const blobsThere = blobsIn(body).every((blob) => repository.blobs.has(blob.digest));
  const entries = entriesOf(value) ?? [];
  if (!blobsThere || !entries.every((entry) => repository.manifests.has(entry.digest))) {
    throw new Refused(404, "MANIFEST_BLOB_UNKNOWN");
  }
  repository.manifests.set(digest, { mediaType, bytes: body });
  if (!name.includes(":")) repository.tags.set(name, digest);
  const subject = registry.options.hasReferrers === true ? value?.subject?.digest : undefined;
  if (subject !== undefined) call.response.setHeader("OCI-Subject", subject);
  call.response.writeHead(201, { Location: `/v2/${path}/manifests/${digest}` }).end();
}

function tags(call: Call): void {
  const { registry, repository, query, path, response, name } = call;
  if (name !== "list") notAllowed();
  if (!registry.repositories.has(path)) throw new Refused(404, "NAME_UNKNOWN");
  const n = Math.min(Number(query.get("n") ?? Number.POSITIVE_INFINITY), registry.options.pageSize ?? 1000);
  const last = query.get("last") ?? "";
  const behind = [...repository.tags.keys()].toSorted().filter((tag) => tag > last);
  const page = behind.slice(0, n);
  if (page.length < behind.length) {
    response.setHeader("Link", `</v2/${path}/tags/list?n=${n}&last=${page.at(-1)}>; rel="next"`);
  }
  response.end(JSON.stringify({ name: path, tags: page }));
}

function referrers(call: Call): void {
  const { registry, repository, query, name } = call;
  checkDigest(call);
  if (registry.options.hasReferrers !== true) throw new Refused(404, "UNSUPPORTED");
  const wanted = query.get("artifactType");
  const found = [...repository.manifests].flatMap(([digest, { mediaType, bytes }]) => {
    const value = jsonIn(bytes) as Record<string, unknown>;
    const { subject, config, annotations } = value as {
      readonly subject?: { readonly digest: string };
      readonly config?: { readonly mediaType: string };
      readonly annotations?: object;
    };
    const artifactType = value["artifactType"] ?? config?.mediaType;
    if (subject?.digest !== name || (wanted !== null && wanted !== artifactType)) return [];
    return [{ mediaType, digest, size: bytes.length, artifactType, annotations }];
  });
  if (wanted !== null) call.response.setHeader("OCI-Filters-Applied", "artifactType");
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: found }));
  sendBytes(call, body, { "Content-Type": indexType });
}
