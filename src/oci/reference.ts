import { BerthError } from "../base/errors.ts";

/** A normalised image name: `ubuntu` is `docker.io/library/ubuntu:latest`. @see distribution/reference grammar */
export interface Reference {
  /** Registry host, with its port where one is given; empty where what stands in its place is none, as in `my_host.org/app`. */
  readonly domain: string;
  /** Repository within the registry, as `library/ubuntu`. */
  readonly path: string;
  readonly tag?: string;
  /** Of any algorithm that Docker knows, though what the store holds is named by sha256 alone. */
  readonly digest?: string;
}

const defaultDomain = "docker.io";
const legacyDomain = "index.docker.io";
const officialPrefix = "library/";
const longestPath = 255;

const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const path = `${component}(?:/${component})*`;
const domainLabel = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const domain = `(?:${domainLabel}(?:\\.${domainLabel})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
const digest = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const wholeReference = new RegExp(
  `^(?:(?<domain>${domain})/)?(?<path>${path})(?::(?<tag>${tag}))?(?:@(?<digest>${digest}))?$`,
);
const bareID = /^[a-f0-9]{64}$/;

/**
 * Read an image name as a user writes it. A name with neither tag nor digest keeps neither: see {@link withDefaultTag}.
 *
 * The first part is a host when it has a dot or a port, or is `localhost`. distribution/reference takes one with a capital for
 * a host as well; here `YOURNAME/app` is refused: names are lower-case.
 *
 * @throws {BerthError} invalid-argument, with Docker's text for each wrong form
 * @see distribution/reference `ParseNormalizedNamed`
 */
export function parseReference(text: string): Reference {
  if (bareID.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { host, rest } = splitHost(text);
  const [repository = ""] = rest.split(":", 1);
  if (repository.toLowerCase() !== repository) {
    throw invalid(`invalid reference format: repository name (${repository}) must be lowercase`);
  }
  const parts = wholeReference.exec(`${host}/${rest}`)?.groups;
  if (parts === undefined) throw invalid("invalid reference format");
  const { domain: registry = "", path: name = "" } = parts;
  if (name.length > longestPath) {
    throw invalid(`repository name must not be more than ${longestPath} characters`);
  }
  return {
    domain: registry,
    path: name,
    ...(parts["tag"] === undefined ? {} : { tag: parts["tag"] }),
    ...(parts["digest"] === undefined ? {} : { digest: referredDigest(parts["digest"]) }),
  };
}

/** The host of a name, and what comes behind it; Docker's own where the name has none. */
function splitHost(name: string): { readonly host: string; readonly rest: string } {
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === "localhost";
  const rest = isHost ? name.slice(slash + 1) : name;
  const host = isHost && first !== legacyDomain ? first : defaultDomain;
  return { host, rest: host === defaultDomain && !rest.includes("/") ? `${officialPrefix}${rest}` : rest };
}

/** Hex digits of a digest, by its algorithm. */
const digestLengths: ReadonlyMap<string, number> = new Map([
  ["sha256", 64],
  ["sha384", 96],
  ["sha512", 128],
]);

/** @throws {BerthError} invalid-argument, in the words of Docker's digest library */
function referredDigest(text: string): string {
  const [algorithm = "", hex = ""] = text.split(":");
  const length = digestLengths.get(algorithm);
  if (length === undefined) throw invalid("unsupported digest algorithm");
  if (hex.length !== length) throw invalid("invalid checksum digest length");
  if (!/^[a-f0-9]+$/.test(hex)) throw invalid("invalid checksum digest format");
  return text;
}

/** The same reference with `:latest` where it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

/** The whole name: `docker.io/library/ubuntu:latest`. */
export function fullName(reference: Reference): string {
  const { domain, path } = reference;
  return `${domain === "" ? "" : `${domain}/`}${path}${suffix(reference)}`;
}

/** The name as Docker shows it: `docker.io/library/ubuntu:24.04` is `ubuntu:24.04`. */
export function familiar(reference: Reference): string {
  return `${familiarRepository(reference)}${suffix(reference)}`;
}

/** The repository as Docker shows it, without tag and digest. */
export function familiarRepository(reference: Reference): string {
  const { domain, path } = reference;
  if (domain === "") return path;
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
