import { createHash } from "node:crypto";
import { createReadStream, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path/posix";
import { setImmediate } from "node:timers/promises";
import { byBytes, bytesOf, pathOf } from "../../archive/byte-string.ts";
import { majorOf, minorOf } from "../../archive/device.ts";
import type { FileKind } from "../../archive/file-kind.ts";
import { capabilityXattr, readXattrs } from "../../archive/xattrs.ts";
import { stoppedBy } from "../../base/operation.ts";
import { openMatcher } from "../../dockerfile/ignore.ts";
import type { Syscalls } from "../../host/syscalls.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import type { TreeEntry } from "../../snapshot/merged-tree.ts";
import { compilePattern, hasWildcards } from "../go-match.ts";
import type { Owner } from "../root-writer.ts";
import { expandPattern } from "../select.ts";
import type { SourceTree } from "../source-tree.ts";

/** A part of a tree that a step reads. @see BuildKit solver/llbsolver/ops/opsutils/contenthash.go */
export interface Selector {
  /** Absolute. With wildcards, where `isPattern`. */
  readonly path: string;
  /** Where the tree has it; at the path when absent. Of no pattern. */
  readonly place?: string;
  readonly followsLinks: boolean;
  readonly isPattern: boolean;
  /** A pattern of what counts, relative to the path: directories above it come along. All when absent. */
  readonly include?: string;
  /** Patterns of what doesn't count, relative to the path. */
  readonly exclude: readonly string[];
}

/** What content is read from. */
export interface ContentSource {
  readonly syscalls: Syscalls;
  readonly tree: SourceTree;
  /** Whose all files count as being; what their own owner is when absent. For a build context, whose root has no attributes either. */
  readonly owner?: Owner;
  readonly signal?: AbortSignal;
  /** Asked when all was read: false where that isn't what a step saw. */
  readonly isStill?: () => boolean;
}

/**
 * Digests of what parts of a tree have, as BuildKit names them: the files of a pattern with their paths, or before its release 0.26 with
 * their last names. The latter isn't given where two trees could have the same one.
 *
 * @returns none where a part isn't there, or BuildKit doesn't tell what is in it
 * @see BuildKit cache/contenthash/checksum.go
 */
export async function contentDigests(
  source: ContentSource,
  selectors: readonly Selector[],
): Promise<readonly Digest[]> {
  const hasher = new ContentHasher(source);
  const selected: Listing[] = [];
  for (const selector of selectors) selected.push(await hasher.selected(selector));
  if (source.isStill?.() === false) return [];
  const forms = [selected.map(({ paths }) => paths), selected.map(({ names }) => names)];
  const whole = forms.filter((digests) => !digests.includes(undefined));
  return [...new Set(whole.map((digests) => digestOf(digests.join("\0"))))];
}

/** What a selector's files come to, listed with their paths and with their last names; undefined where that isn't told. */
interface Listing {
  readonly paths?: string | undefined;
  readonly names?: string | undefined;
}

const nothing = digestOf("");

/** Files after which others get a turn. */
const turn = 256;

/** A file that a pattern selects. */
interface Listed {
  readonly path: string;
  /** What it counts as having; a directory's own attributes alone. */
  readonly digest: string;
  /** A directory that may be elsewhere in another tree. */
  readonly isLoose: boolean;
}

/** A place in a tree, and what is left out below it. */
interface Place {
  /** Absolute, as the pattern leads there. */
  readonly path: string;
  /** Below what the pattern matches. */
  readonly name: string;
  readonly excludes: (name: string) => boolean;
  readonly includes: (name: string) => boolean;
  /** Whether the selector alone says where a directory is. */
  readonly isFixed: (name: string) => boolean;
  /** Links count as what they lead to: those in the root, which counts nowhere itself. */
  readonly followsLinks: boolean;
}

/** Whether it is listed, file by file, what a selector takes. */
export function isFiltered({ isPattern, include, exclude }: Selector): boolean {
  return isPattern || include !== undefined || exclude.length > 0;
}

function placeOf({ path, isPattern, include, exclude, followsLinks }: Selector): Place {
  const parts = isPattern ? [] : (include ?? "").split("/");
  const wild = parts.findIndex(hasWildcards);
  const fixed = `${parts.slice(0, wild < 0 ? undefined : wild).join("/")}/`;
  return {
    path,
    name: "",
    excludes: openMatcher(exclude).excludes,
    includes: include === undefined ? () => true : openMatcher([include]).excludes,
    isFixed: (name) => fixed.startsWith(`${name}/`),
    followsLinks: followsLinks && path === "/",
  };
}

class ContentHasher {
  readonly #source: ContentSource;
  readonly #known = new Map<string, string>();
  #count = 0;

  constructor(source: ContentSource) {
    this.#source = source;
  }

  async selected(selector: Selector): Promise<Listing> {
    const { path, place = path, followsLinks } = selector;
    const { tree } = this.#source;
    if (isFiltered(selector)) return listingOf(await this.#list(selector), selector);
    const entry = tree.lstat(followsLinks ? tree.resolve(place) : place);
    const digest = entry && (await this.#whole(entry));
    return { paths: digest, names: digest };
  }

  async #list(selector: Selector): Promise<readonly Listed[] | undefined> {
    const { path, isPattern, exclude } = selector;
    // What an exception leaves of a directory is counted in ways that differ.
    if (exclude.some((pattern) => pattern.trim().startsWith("!"))) return undefined;
    const listed: Listed[] = [];
    for (const each of isPattern ? expandPattern(this.#source.tree, path).toSorted(byKey) : [path])
      if (!(await this.#listMatch({ ...selector, path: each }, listed))) return undefined;
    return listed;
  }

  /** @returns false for what BuildKit doesn't tell of */
  async #listMatch(selector: Selector, listed: Listed[]): Promise<boolean> {
    const { path, followsLinks, isPattern, include } = selector;
    const { tree } = this.#source;
    const entry = tree.lstat(isPattern ? path : tree.resolve(path));
    // Of a file with exclusions it counts nothing.
    if (entry === undefined || (entry.kind !== "dir" && (!isPattern || include !== undefined))) return false;
    const isRoot = path === "/";
    const digest = await this.#counted(entry, { path, followsLinks });
    // The root itself counts nowhere.
    if (!isRoot) listed.push({ path, digest, isLoose: isPattern && entry.kind === "dir" });
    const { length } = listed;
    if (entry.kind === "dir") await this.#below(entry, placeOf(selector), listed);
    if (include !== undefined && !isRoot && listed.length === length) listed.pop();
    return true;
  }

  async #below(directory: TreeEntry, place: Place, listed: Listed[]): Promise<void> {
    for (const entry of this.#children(directory)) {
      const name = join(place.name, basename(entry.path));
      const isDirectory = entry.kind === "dir";
      const isTaken = place.includes(name);
      if (place.excludes(name) || !(isTaken || isDirectory)) continue;
      const below = { ...place, path: join(place.path, basename(entry.path)), name };
      const digest = await this.#counted(entry, below);
      const length = listed.push({ path: below.path, digest, isLoose: isDirectory && !place.isFixed(name) });
      if (isDirectory) await this.#below(entry, { ...below, followsLinks: false }, listed);
      // It still shows where something below it is.
      if (!isTaken && listed.length === length) listed.pop();
    }
  }

  /** What a file counts as that is listed. */
  async #counted(entry: TreeEntry, { path, followsLinks }: Pick<Selector, "path" | "followsLinks">): Promise<string> {
    const { tree } = this.#source;
    const target = entry.kind === "symlink" && followsLinks ? tree.lstat(tree.resolve(path)) : undefined;
    return target === undefined ? await this.#own(entry) : await this.#whole(target);
  }

  /** A file with all that is in it; a directory's files with their names. */
  async #whole(entry: TreeEntry): Promise<string> {
    if (entry.kind !== "dir") return await this.#own(entry);
    const known = this.#known.get(entry.path);
    if (known !== undefined) return known;
    const hash = createHash("sha256").update(`\0${await this.#own(entry)}`);
    for (const child of this.#children(entry)) {
      hash.update(bytesIn(`\0${basename(child.path)}`)).update(await this.#whole(child));
    }
    const digest = `sha256:${hash.digest("hex")}`;
    this.#known.set(entry.path, digest);
    return digest;
  }

  #children(directory: TreeEntry): readonly TreeEntry[] {
    return [...this.#source.tree.entries(directory.path)].sort((a, b) => byKey(a.path, b.path));
  }

  /** A file's attributes, and what a regular one has in it. */
  async #own(entry: TreeEntry): Promise<string> {
    const { owner, signal } = this.#source;
    if (owner !== undefined && entry.path === "/") return nothing;
    if (++this.#count % turn === 0) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    const hash = createHash("sha256").update(Buffer.from(this.#header(entry), "latin1"));
    if (entry.kind === "file")
      for await (const chunk of createReadStream(pathOf(bytesOf(entry.source)), stoppedBy(signal))) hash.update(chunk);
    return `sha256:${hash.digest("hex")}`;
  }

  /** Names and values of a tar header, less times and names, in the form of Docker's old tarsum. @see BuildKit cache/contenthash/tarsum.go */
  #header({ kind, source, stats }: TreeEntry): string {
    const { owner, syscalls } = this.#source;
    const isDevice = kind === "char" || kind === "block";
    const fields = {
      name: "",
      mode: kind === "symlink" ? 0o777 : Number(stats.mode) & 0o7777,
      uid: owner?.uid ?? stats.uid,
      gid: owner?.gid ?? stats.gid,
      size: kind === "file" ? stats.size : 0,
      typeflag: typeFlags[kind],
      linkname: kind === "symlink" ? readlinkSync(pathOf(bytesOf(source)), "latin1") : "",
      uname: "",
      gname: "",
      devmajor: isDevice ? majorOf(stats.rdev) : 0,
      devminor: isDevice ? minorOf(stats.rdev) : 0,
    };
    const xattrs = [...readXattrs(syscalls, bytesOf(source))]
      .filter(([name]) => name === capabilityXattr || !/^(?:security|system)\./.test(name))
      .sort(([a], [b]) => byKey(a, b))
      .map(([name, value]) => `${name}${value.toString("latin1")}`);
    return [...Object.entries(fields).map(([name, value]) => `${name}${value}`), ...xattrs].join("");
  }
}

/** Of tar headers. A socket counts as a regular file without content. */
const typeFlags: Readonly<Record<FileKind, string>> = {
  file: "0",
  socket: "0",
  symlink: "2",
  char: "3",
  block: "4",
  dir: "5",
  fifo: "6",
};

function listingOf(
  listed: readonly Listed[] | undefined,
  { path, isPattern }: Pick<Selector, "path" | "isPattern">,
): Listing {
  const [first, ...others] = listed ?? [];
  if (first === undefined) return listed === undefined ? {} : { paths: nothing, names: nothing };
  if (others.length === 0 && basename(first.path) === basename(path))
    return { paths: first.digest, names: first.digest };
  const all = [first, ...others];
  const prefix = prefixOf(path);
  const paths = all.map((each) => `${keyOf(each.path.slice(prefix.length)) || "\0"}${each.digest}`);
  const names = all.map((each) => `${basename(each.path)}${each.digest}`);
  // Other trees would have the same last names, with what comes after such a directory in it, or beside it where the pattern takes it there.
  const mayBeBeside = isPattern ? compilePattern(basename(path)) : () => true;
  const loose = all.findIndex(({ isLoose }) => isLoose);
  const after = loose < 0 ? [] : all.slice(loose + 1);
  const isAmbiguous = after.some((each) => each.isLoose || mayBeBeside(basename(each.path)));
  return {
    paths: digestOf(bytesIn(paths.join(""))),
    names: isAmbiguous ? undefined : digestOf(bytesIn(names.join("\0"))),
  };
}

/** The part of a path that has no wildcards; the root's is empty. */
function prefixOf(path: string): string {
  let prefix = path;
  while (hasWildcards(prefix)) prefix = dirname(prefix);
  return prefix === "/" ? "" : prefix;
}

/** A path as it is sorted: a directory's files come right after it. */
function keyOf(path: string): string {
  return path.replaceAll("/", "\0");
}

function bytesIn(text: string): Buffer {
  return Buffer.from(bytesOf(text), "latin1");
}

function byKey(a: string, b: string): number {
  return byBytes(bytesOf(keyOf(a)), bytesOf(keyOf(b)));
}
