import { BerthError } from "../base/errors.ts";

/** A repository and what of it is wanted. */
export interface GitReference {
  /** What git is told: an address without query and fragment. It may have credentials in it. */
  readonly remote: string;
  readonly scheme: "http" | "https" | "git" | "ssh";
  /** A branch, a tag, a full name below `refs/`, or a commit; the default branch when empty. */
  readonly ref: string;
  /** Directory inside the repository; all of it when empty. */
  readonly subdir: string;
  /** The first digits of the commit that it has to be. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  readonly submodules?: boolean;
  /** Files get the time of the commit, not that of the checkout. */
  readonly commitTime?: boolean;
  /** `checksum` is the commit: nobody is asked what the ref is. */
  readonly fetchByCommit?: boolean;
  /** True for `github.com/x/y`, which is also a path. */
  readonly isLikePath: boolean;
}

const schemes = ["http", "https", "git", "ssh"] as const;
const scpStyle = /^[a-zA-Z0-9_][a-zA-Z0-9-_]*@([a-zA-Z0-9.][a-zA-Z0-9-.]*):(.*)$/s;

/**
 * Read the address of a repository, with `#ref:directory` or a query, as the Dockerfile reference has it; undefined for what is none.
 *
 * @throws {BerthError} invalid-argument, for a query that can't be
 */
export function parseGitReference(text: string): GitReference | undefined {
  const isLikePath = text.startsWith("github.com/");
  const { address, query, fragment } = partsOf(isLikePath ? `https://${text}` : text);
  const scheme = schemeOf(address);
  if (scheme === undefined || (!isLikePath && /^https?$/.test(scheme) && !pathOf(address).endsWith(".git")))
    return undefined;
  const [ref = "", ...directory] = fragment.split(":");
  const wanted: Draft = {
    ref,
    subdir: cleaned(directory.join(":")),
  };
  readQuery(wanted, new URLSearchParams(query));
  if (wanted.ref.startsWith("-")) throw wrong(`invalid git ref ${JSON.stringify(wanted.ref)}`);
  if (wanted.checksum !== undefined) checkCommit(wanted.checksum);
  return { remote: address, scheme, isLikePath, ...wanted };
}

/** True for a whole commit, in SHA-1 or SHA-256. */
export function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** @throws {BerthError} invalid-argument, for what can't be the beginning of a commit */
export function checkCommit(checksum: string): void {
  if (!/^[0-9a-fA-F]+$/.test(checksum))
    throw wrong(`invalid checksum ${checksum} for Git URL, expected hex commit hash`);
}

type Draft = { -readonly [Key in keyof Omit<GitReference, "remote" | "scheme" | "isLikePath">]: GitReference[Key] };

interface Parts {
  readonly address: string;
  readonly query: string;
  readonly fragment: string;
}

function partsOf(text: string): Parts {
  const [, address = "", query = "", fragment = ""] = /^([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  return { address, query, fragment: isScheme(address) ? decoded(fragment) : fragment };
}

function isScheme(address: string): boolean {
  return /^[a-z0-9]+:\/\//i.test(address);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

function schemeOf(address: string): GitReference["scheme"] | undefined {
  if (!isScheme(address)) return scpStyle.test(address) ? "ssh" : undefined;
  if (!URL.canParse(address)) return undefined;
  const { protocol, hostname } = new URL(address);
  // A host like an option would be one to ssh.
  if (hostname === "" || hostname.startsWith("-")) return undefined;
  return schemes.find((scheme) => `${scheme}:` === protocol);
}

function pathOf(address: string): string {
  return decoded(new URL(address).pathname);
}

/** A directory of a fragment is below the root, whatever its dots say. */
function cleaned(directory: string): string {
  const parts: string[] = [];
  for (const part of directory.split("/"))
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  return parts.join("/");
}

function readQuery(draft: Draft, query: URLSearchParams): void {
  const names = new Set(query.keys());
  if (names.has("tag") && names.has("branch")) throw wrong("branch conflicts with tag");
  for (const name of names) {
    const values = query.getAll(name);
    const [value = ""] = values;
    if (values.length > 1) throw wrong(`query ${JSON.stringify(name)} has multiple values`);
    const set = Object.hasOwn(setters, name) ? setters[name] : undefined;
    if (value === "" && !switches.has(name)) throw wrong(`query ${JSON.stringify(name)} has no value`);
    if (set === undefined) throw wrong(`unexpected query ${JSON.stringify(name)}`);
    set(draft, value);
  }
}

const switches: ReadonlySet<string> = new Set(["submodules", "keep-git-dir", "fetch-by-commit"]);

const setters: Readonly<Record<string, (draft: Draft, value: string) => void>> = {
  ref: setRef,
  tag: (draft, value) => setRef(draft, below("refs/tags/", value)),
  branch: (draft, value) => setRef(draft, below("refs/heads/", value)),
  subdir: (draft, value) => {
    if (draft.subdir !== "" && draft.subdir !== cleaned(value)) throw conflict("subdir", draft.subdir, value);
    draft.subdir = cleaned(value);
  },
  checksum: setChecksum,
  commit: setChecksum,
  "keep-git-dir": (draft, value) => {
    draft.keepGitDir = boolean("keep-git-dir", value);
  },
  submodules: (draft, value) => {
    draft.submodules = boolean("submodules", value);
  },
  mtime: (draft, value) => {
    if (value !== "checkout" && value !== "commit")
      throw wrong(`invalid mtime value: ${JSON.stringify(value)} (must be "checkout" or "commit")`);
    draft.commitTime = value === "commit";
  },
  "fetch-by-commit": (draft, value) => {
    draft.fetchByCommit = boolean("fetch-by-commit", value);
  },
};

function setRef(draft: Draft, value: string): void {
  if (draft.ref !== "" && draft.ref !== value) throw conflict("ref", draft.ref, value);
  draft.ref = value;
}

function setChecksum(draft: Draft, value: string): void {
  draft.checksum = value;
}

function below(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name : `${prefix}${name}`;
}

function boolean(name: string, value: string): boolean {
  if (/^(|1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw wrong(`invalid ${name} value: ${JSON.stringify(value)}`);
}

function conflict(what: string, one: string, other: string): BerthError {
  return wrong(`${what} conflicts: ${JSON.stringify(one)} vs ${JSON.stringify(other)}`);
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
