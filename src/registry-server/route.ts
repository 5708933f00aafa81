import { isKind } from "../base/errors.ts";
import type { RepositoryName } from "../image/cache-records.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { parseReference } from "../oci/reference.ts";
import { Refusal } from "./refusal.ts";

/** What a request asks for. @see distribution-spec v1.1 spec.md#endpoints */
export type Route = Asked & {
  /** The registry, where the query names it: clients are told that it was heeded. @see distribution-spec spec.md#registry-proxying */
  readonly namespace?: string;
};

type Asked =
  | { readonly kind: "base" }
  | { readonly kind: "manifest"; readonly name: RepositoryName; readonly reference: ManifestReference }
  | { readonly kind: "blob"; readonly name: RepositoryName; readonly digest: Digest }
  | { readonly kind: "tags"; readonly name: RepositoryName; readonly page: Page }
  | {
      readonly kind: "referrers";
      readonly name: RepositoryName;
      readonly digest: Digest;
      readonly artifactType: string | undefined;
    };

/** How a manifest is named. */
export type ManifestReference = { readonly tag: string } | { readonly digest: Digest };

/** Which part of a list is asked for. */
export interface Page {
  /** At most so many; all when absent. */
  readonly n: number | undefined;
  /** Those behind it, in lexical order; from the beginning when absent. */
  readonly last: string | undefined;
}

const tag = /^\w[\w.-]{0,127}$/;
const anyDigest = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[\w=-]+$/;

/**
 * Read what a request asks for. Whose repository it is says, in this order, the query's `ns` (as containerd sends it to mirrors),
 * a host in front (`/quay.io/v2/…`, as a mirror's URL may have it), a host as the name's first part (`/v2/quay.io/…`), `upstream`.
 *
 * @param url path and query, as they came
 * @param upstream a host, `docker.io`
 * @throws {Refusal}
 */
export function routeOf(method: string, url: string, upstream: string): Route {
  if (method !== "GET" && method !== "HEAD") {
    throw new Refusal(405, "UNSUPPORTED", "the cache is read-only", { headers: { Allow: "GET, HEAD" } });
  }
  const { pathname, searchParams } = parsedURL(url);
  const { front, rest } = splitPath(pathname);
  if (rest === "") return { kind: "base" };
  const namespace = searchParams.get("ns") ?? undefined;
  const host = namespace ?? front;
  const nameOf = (path: string): RepositoryName =>
    host === undefined ? repositoryIn(path, upstream) : repositoryAt(host, path);
  const asked = askedFor(rest, searchParams, nameOf);
  return namespace === undefined ? asked : { ...asked, namespace };
}

function askedFor(rest: string, searchParams: URLSearchParams, nameOf: (path: string) => RepositoryName): Asked {
  const tags = /^(.+)\/tags\/list$/.exec(rest);
  if (tags !== null) return { kind: "tags", name: nameOf(tags[1] ?? ""), page: pageOf(searchParams) };
  const [, path = "", kind, last = ""] = /^(.+)\/(manifests|blobs|referrers)\/([^/]+)$/.exec(rest) ?? [];
  if (kind === undefined) throw new Refusal(404, "UNSUPPORTED", "the cache has no such endpoint");
  const name = nameOf(path);
  if (kind === "manifests") return { kind: "manifest", name, reference: referenceIn(last) };
  const digest = digestIn(last);
  if (kind === "blobs") return { kind: "blob", name, digest };
  return { kind: "referrers", name, digest, artifactType: searchParams.get("artifactType") ?? undefined };
}

function parsedURL(url: string): { readonly pathname: string; readonly searchParams: URLSearchParams } {
  const [path = "", ...query] = url.split("?");
  try {
    return { pathname: decodeURIComponent(path), searchParams: new URLSearchParams(query.join("?")) };
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new Refusal(400, "NAME_INVALID", "the path can't be read", { cause: error });
  }
}

/** A host in front of `/v2/`, and what comes behind. */
function splitPath(pathname: string): { readonly front: string | undefined; readonly rest: string } {
  const found = /^(?:\/([^/]+))?\/v2(?:\/(.*))?$/s.exec(pathname);
  if (found === null) throw new Refusal(404, "UNSUPPORTED", "the cache has no such endpoint");
  return { front: found[1], rest: found[2] ?? "" };
}

/** A name whose first part may be a host. */
function repositoryIn(path: string, upstream: string): RepositoryName {
  const slash = path.indexOf("/");
  const first = slash < 0 ? "" : path.slice(0, slash);
  return isHost(first) ? repositoryAt(first, path.slice(slash + 1)) : repositoryAt(upstream, path);
}

function repositoryAt(host: string, path: string): RepositoryName {
  if (!isHost(host)) throw new Refusal(400, "NAME_INVALID", `invalid registry ${JSON.stringify(host)}`);
  const invalid = (cause?: unknown): Refusal =>
    new Refusal(400, "NAME_INVALID", `invalid repository name ${JSON.stringify(path)}`, { cause });
  if (/[:@]/.test(path)) throw invalid();
  try {
    const { domain, path: found } = parseReference(`${host}/${path}`);
    return { domain, path: found };
  } catch (error) {
    if (isKind(error, "invalid-argument")) throw invalid(error);
    throw error;
  }
}

/** Whether the first part of a name is a host, as in references. */
export function isHost(text: string): boolean {
  return text === "localhost" || (/[.:]/.test(text) && /^[\w.:[\]-]+$/.test(text));
}

function referenceIn(text: string): ManifestReference {
  if (text.includes(":")) return { digest: digestIn(text) };
  if (tag.test(text)) return { tag: text };
  throw new Refusal(404, "MANIFEST_UNKNOWN", `${JSON.stringify(text)} is no tag`);
}

function digestIn(text: string): Digest {
  if (isDigest(text)) return text;
  const isOther = anyDigest.test(text) && !text.startsWith("sha256:");
  const what = isOther ? "unsupported digest algorithm" : "invalid digest";
  throw new Refusal(400, "DIGEST_INVALID", `${what}: ${JSON.stringify(text)}`);
}

function pageOf(query: URLSearchParams): Page {
  const n = query.get("n");
  if (n !== null && !/^\d{1,9}$/.test(n)) {
    throw new Refusal(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested");
  }
  return { n: n === null ? undefined : Number(n), last: query.get("last") ?? undefined };
}
