import { BerthError } from "../base/errors.ts";
import { type Digest, isDigest } from "./digest.ts";

/** A normalised image name: `ubuntu` is `docker.io/library/ubuntu:latest`. @see distribution/reference grammar */
export interface Reference {
  /** Registry host, with its port where one is given. */
  readonly domain: string;
  /** Repository within the registry, as `library/ubuntu`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const defaultDomain = "docker.io";
const officialPrefix = "library/";
const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const pathPattern = new RegExp(`^${component}(?:/${component})*$`);
const domainLabel = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domainPattern = new RegExp(`^(?:${domainLabel}(?:\\.${domainLabel})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const bareID = /^[a-f0-9]{64}$/;
const longestPath = 255;

/**
 * Read an image name as a user writes it. A name with neither tag nor digest keeps neither: see {@link withDefaultTag}.
 *
 * @throws {BerthError} invalid-argument, with Docker's text for each wrong form
 * @see distribution/reference `ParseNormalizedNamed`
 */
export function parseReference(text: string): Reference {
  if (bareID.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const { domain, path, tag } = splitName(at < 0 ? text : text.slice(0, at));
  if (path.toLowerCase() !== path) {
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  }
  const valid =
    pathPattern.test(path) &&
    domainPattern.test(domain) &&
    (tag === undefined || tagPattern.test(tag)) &&
    (digest === undefined || isDigest(digest));
  if (!valid) throw invalid("invalid reference format");
  if (path.length > longestPath) {
    throw invalid(`repository name must not be more than ${longestPath} characters`);
  }
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest !== undefined && isDigest(digest) ? { digest } : {}),
  };
}

function splitName(name: string): { domain: string; path: string; tag: string | undefined } {
  const slash = name.indexOf("/");
  const head = slash < 0 ? "" : name.slice(0, slash);
  const hasDomain = head !== "" && (/[.:]/.test(head) || head === "localhost");
  const rest = hasDomain ? name.slice(slash + 1) : name;
  const colon = rest.lastIndexOf(":");
  const tagged = colon >= 0 && !rest.slice(colon).includes("/");
  const repository = tagged ? rest.slice(0, colon) : rest;
  const tag = tagged ? rest.slice(colon + 1) : undefined;
  const domain = hasDomain && head !== "index.docker.io" ? head : defaultDomain;
  const official = domain === defaultDomain && repository !== "" && !repository.includes("/");
  return { domain, path: official ? `${officialPrefix}${repository}` : repository, tag };
}

/** The same reference with `:latest` where it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

/** The whole name: `docker.io/library/ubuntu:latest`. */
export function fullName(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** The name as Docker shows it: `docker.io/library/ubuntu:24.04` is `ubuntu:24.04`. */
export function familiar(reference: Reference): string {
  return `${familiarRepository(reference)}${suffix(reference)}`;
}

/** The repository as Docker shows it, without tag and digest. */
export function familiarRepository(reference: Reference): string {
  const { domain, path } = reference;
  if (domain !== defaultDomain) return `${domain}/${path}`;
  const short = path.slice(officialPrefix.length);
  return path.startsWith(officialPrefix) && !short.includes("/") ? short : path;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
