import type { IncomingMessage, ServerResponse } from "node:http";
import { indexType } from "../oci/image-index.ts";
import type { Arrivals } from "./arrivals.ts";
import { blobSize, serveBlob } from "./blobs.ts";
import type { Outcome, ServingDeps } from "./deps.ts";
import { type Lists, pageIn } from "./lists.ts";
import { serveManifest } from "./manifests.ts";
import { rangeOf } from "./range.ts";
import { Refusal } from "./refusal.ts";
import type { Route } from "./route.ts";
import { sendBody } from "./send.ts";
import type { Upstreams } from "./upstream.ts";

/** What answers are made with. */
export interface Parts {
  readonly deps: ServingDeps;
  readonly upstreams: Upstreams;
  readonly arrivals: Arrivals;
  readonly lists: Lists;
  /** Milliseconds after which a registry is asked again what a tag leads to. */
  readonly tagTTL: number;
}

/** A request and its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Told where the answer comes from, before its first byte. */
  readonly outcome: (outcome: Outcome) => void;
}

type RouteOf<Kind extends Route["kind"]> = Extract<Route, { readonly kind: Kind }>;

/** Answer a request. @throws {Refusal} and what the registry behind refuses, before anything is sent */
export async function answer(parts: Parts, route: Route, exchange: Exchange): Promise<void> {
  const { namespace } = route;
  if (namespace !== undefined) exchange.response.setHeader("OCI-Namespace", namespace);
  switch (route.kind) {
    case "base":
      return sendJSON(exchange, {});
    case "manifest":
      return await answerManifest(parts, route, exchange);
    case "blob":
      return await answerBlob(parts, route, exchange);
    case "tags":
      return await answerTags(parts, route, exchange);
    case "referrers":
      return await answerReferrers(parts, route, exchange);
  }
}

async function answerManifest(parts: Parts, route: RouteOf<"manifest">, exchange: Exchange): Promise<void> {
  const { manifest, outcome } = await serveManifest(parts.deps, route, parts);
  const { request, response } = exchange;
  const { digest, mediaType, size } = manifest.descriptor;
  tellOutcome(exchange, outcome);
  response.setHeader("Docker-Content-Digest", digest);
  response.setHeader("ETag", `"${digest}"`);
  if (matches(request.headers["if-none-match"], digest)) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { "Content-Type": mediaType, "Content-Length": size });
  response.end(request.method === "HEAD" ? undefined : manifest.bytes);
}

async function answerBlob(parts: Parts, route: RouteOf<"blob">, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const { digest } = route;
  response.setHeader("Docker-Content-Digest", digest);
  response.setHeader("ETag", `"${digest}"`);
  response.setHeader("Accept-Ranges", "bytes");
  const isKnown = matches(request.headers["if-none-match"], digest);
  if (isKnown || request.method === "HEAD") {
    const size = await blobSize(parts.deps, route, parts);
    if (isKnown) response.writeHead(304, forGood).end();
    else response.writeHead(200, { ...blobHeaders, "Content-Length": size }).end();
    return;
  }
  await using blob = await serveBlob(parts.deps, route, parts);
  const { size } = blob;
  tellOutcome(exchange, blob.outcome);
  const range = request.headers["if-range"] === undefined || matches(request.headers["if-range"], digest);
  const part = range ? rangeOf(request.headers.range, size) : undefined;
  if (part === "unsatisfiable") {
    throw new Refusal(416, "UNKNOWN", "there are no such bytes", { headers: { "Content-Range": `bytes */${size}` } });
  }
  const { first, end } = part ?? { first: 0, end: size };
  const headers = { ...blobHeaders, "Content-Length": end - first };
  await sendBody(response, blob.read(first, end), () => {
    if (part === undefined) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, "Content-Range": `bytes ${first}-${end - 1}/${size}` });
  });
}

/** What a digest names never changes. */
const forGood = { "Cache-Control": "max-age=31536000" };
const blobHeaders = { "Content-Type": "application/octet-stream", ...forGood };

async function answerTags({ lists }: Parts, { name, page }: RouteOf<"tags">, exchange: Exchange): Promise<void> {
  const { value, isStale } = await lists.tags(name);
  tellOutcome(exchange, isStale ? "stale" : "miss");
  const { page: tags, hasMore } = pageIn(value, page);
  // Address and name stay as the client gave them.
  const [path = "", query = ""] = (exchange.request.url ?? "").split("?");
  const last = tags.at(-1);
  if (hasMore && last !== undefined) {
    const next = new URLSearchParams(query);
    next.set("last", last);
    exchange.response.setHeader("Link", `<${path}?${next}>; rel="next"`);
  }
  sendJSON(exchange, { name: /\/v2\/(.+)\/tags\/list$/.exec(path)?.[1] ?? name.path, tags });
}

async function answerReferrers({ lists }: Parts, route: RouteOf<"referrers">, exchange: Exchange): Promise<void> {
  const { name, digest, artifactType } = route;
  const { value: manifests, isStale } = await lists.referrers(name, digest, artifactType);
  tellOutcome(exchange, isStale ? "stale" : "miss");
  if (artifactType !== undefined) exchange.response.setHeader("OCI-Filters-Applied", "artifactType");
  sendJSON(exchange, { schemaVersion: 2, mediaType: indexType, manifests }, indexType);
}

function tellOutcome({ response, outcome: tell }: Exchange, outcome: Outcome): void {
  tell(outcome);
  if (outcome === "stale") response.setHeader("Warning", '110 - "Response is Stale"');
}

function sendJSON({ request, response }: Exchange, value: object, type: string = "application/json"): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(200, { "Content-Type": type, "Content-Length": body.length });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Whether a condition names this digest. @see RFC 9110 section 13.1 */
function matches(header: string | string[] | undefined, digest: string): boolean {
  const tags = String(header ?? "")
    .split(",")
    .map((each) => each.trim().replace(/^W\//, ""));
  return tags.includes(`"${digest}"`) || tags.includes(digest);
}
