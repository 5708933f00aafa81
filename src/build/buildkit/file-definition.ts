import { basename, join } from "node:path/posix";
import { type Digest, digestOf } from "../../oci/digest.ts";
import { hasWildcards } from "../go-match.ts";
import type { CopyOp, InlineFile, MkdirOp } from "../graph.ts";
import { ownedDirectory } from "../run-mounts.ts";
import { splitParents } from "../select.ts";
import { isFiltered, type Selector } from "./content-digest.ts";
import { type DefinedInput, type Definition, Inputs, type Origin, type Version, withoutNested } from "./definition.ts";
import { filled, goJson, operationDigest } from "./operation.ts";

// What COPY, ADD and WORKDIR are to BuildKit: actions on files. @see BuildKit solver/llbsolver/ops/file.go, client/llb/fileop.go

/** What file systems a copy has to do with. */
export interface CopyOrigins {
  /** Undefined for the empty one. */
  readonly base: Origin | undefined;
  /** By index of the vertex's inputs. */
  readonly sources: readonly CopiedFrom[];
}

/** A file system that is copied from: that of a download has the file in another place than BuildKit's. */
export interface CopiedFrom {
  readonly origin: Origin | undefined;
  readonly kind: "files" | "http" | "git";
}

/** Where a step's action stands among its inputs and its other actions; -1 for nowhere. */
type Place = readonly [input: number, secondary: number, output: number];

const nowhere = -1;
/** Of a file that gets the time at which it is made. */
const noTime = -1;
/** Of a copy that leaves modes as they are. */
const noMode = -1;

/** `WORKDIR`. */
export function mkdirDefinition({ path, user }: MkdirOp, base: Origin | undefined, version: Version): Definition {
  const owner = ownerIn(user, base === undefined ? nowhere : 0, version);
  return made(filled({ path, mode: 0o755, makeParents: true, owner, timestamp: noTime }), base);
}

/** A directory in a file system, or in nothing: what a cache mount begins with. */
export function cacheDirectory(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  base: Origin | undefined,
  version: Version,
): Definition {
  const owner = { user: userIn(uid, version), group: userIn(gid, version) };
  return made(filled({ path: ownedDirectory, mode, owner, timestamp: noTime }), base);
}

/** A file in nothing. */
export function inlineFile({ name, data }: InlineFile, mode: number): Definition {
  const content = Buffer.from(data).toString("base64");
  return made(filled({ path: `/${name}`, mode, data: content, timestamp: noTime }), undefined);
}

/** What an action makes in a file system, or in nothing. */
function made(action: object, base: Origin | undefined): Definition {
  const place = [base === undefined ? nowhere : 0, nowhere, 0] as const;
  return {
    operation: operationOf([place], [action]),
    inputs: base === undefined ? [] : [{ origin: base, selector: "" }],
  };
}

/** `COPY` and `ADD`; undefined for those that aren't told. */
export function copyDefinition(op: CopyOp, { base, sources }: CopyOrigins, version: Version): Definition | undefined {
  if (op.sources.some((path) => path.includes("\\"))) return undefined;
  const inputs = new Inputs();
  const input = inputs.add(base);
  const from = op.sources.map((path, index) => {
    const { input: number, unpack } = op.origins?.[index] ?? { input: 1, unpack: op.unpack };
    return { ...whereIn(op, path), unpack, ...sources[number] };
  });
  if (from.some(({ kind, include }) => kind === undefined || include === "")) return undefined;
  const copied = [
    ...from.map(({ origin, kind, ...where }) => {
      const { path, unpack } = where;
      const number = inputs.add(origin);
      if (kind === "files") return copiedFiles(op, where, number);
      if (kind === "git") return copiedFile(op, where, number);
      return copiedFile(op, { path: `/${basename(path)}`, place: path, unpack }, number);
    }),
    ...op.inline.map((file) => {
      const number = inputs.add(inlineFile(file, 0o644));
      return copiedFile(op, { path: `/${file.name}`, unpack: false }, number);
    }),
  ];
  const { length } = inputs.all;
  const places = copied.map((each, index): Place => {
    const isLast = index === copied.length - 1;
    return [index === 0 ? input : length + index - 1, each.from, isLast ? 0 : nowhere];
  });
  const owner = op.owner === undefined ? undefined : ownerIn(op.owner, input, version);
  return {
    operation: operationOf(
      places,
      copied.map(({ action }) => action(owner, version)),
    ),
    inputs: inputs.all.map((origin, index): DefinedInput => {
      const read = copied.filter((each) => each.from === index).map(({ selector }) => selector);
      // What is written to is named by its step alone.
      if (index === input || read.length === 0) return { origin, selector: "" };
      return { origin, selector: selectorOf(read), content: deduped(read) };
    }),
  };
}

/** A file system that a linked copy is put on top of. */
export function mergeDefinition(base: Origin, copied: Definition, { zeros }: Version): Definition {
  const inputs = [base, copied].map((origin) => ({ origin, selector: "" }));
  const merge = { inputs: inputs.map((_, input) => (zeros ? { input } : filled({ input }))) };
  return { operation: operationDigest({ Type: "buildkit.merge.v0", Merge: merge }), inputs };
}

/** One action of a copy. */
interface Copied {
  /** Number of the input that it reads. */
  readonly from: number;
  readonly selector: Selector;
  action(owner: object | undefined, version: Version): object;
}

/** What an action copies. */
interface Copying extends Pick<Selector, "path" | "place" | "include"> {
  readonly unpack: boolean;
}

function whereIn({ parents }: CopyOp, source: string): Pick<Copying, "path" | "include"> {
  if (!parents) return { path: source.replace(/(?<=.)\/+$/, "") };
  const { base, pattern } = splitParents(source);
  return { path: base, include: pattern };
}

function copiedFiles(op: CopyOp, { unpack, ...where }: Copying, from: number): Copied {
  const { path } = where;
  return {
    from,
    selector: { ...where, followsLinks: true, isPattern: hasWildcards(path), exclude: op.exclude },
    action: (owner, version) => ({
      ...startOf(op, path, owner),
      ...filled({
        followSymlink: true,
        dirCopyContents: true,
        attemptUnpackDockerCompatibility: unpack,
        createDestPath: true,
        allowWildcard: true,
        allowEmptyWildcard: true,
        ...endOf(op, where.include),
        required_paths: version.requiresPaths ? requiredOf(where) : [],
      }),
    }),
  };
}

/** Without wildcards, what comes with its parents has to be there. */
function requiredOf({ path, include }: Pick<Copying, "path" | "include">): readonly string[] {
  if (include === undefined) return [];
  const required = join(path, include);
  return hasWildcards(required) ? [] : [required];
}

/** Of a file that was made for the copy, or a whole tree. */
function copiedFile(op: CopyOp, { unpack, ...where }: Copying, from: number): Copied {
  return {
    from,
    selector: { ...where, followsLinks: false, isPattern: false, exclude: op.exclude },
    action: (owner) => ({
      ...startOf(op, where.path, owner),
      ...filled({ attemptUnpackDockerCompatibility: unpack, createDestPath: true, ...endOf(op) }),
    }),
  };
}

function startOf({ destination, mode }: CopyOp, path: string, owner: object | undefined): object {
  const bits = typeof mode === "string" ? 0 : (mode ?? noMode);
  return filled({ src: basename(path) || "/", dest: destination, owner, mode: bits });
}

function endOf({ exclude, mode }: CopyOp, include?: string): Readonly<Record<string, unknown>> {
  return {
    timestamp: noTime,
    include_patterns: include === undefined ? [] : [include],
    exclude_patterns: exclude,
    modeStr: typeof mode === "string" ? mode : "",
  };
}

function operationOf(places: readonly Place[], actions: readonly object[]): Digest {
  const written = actions.map((action) => Buffer.from(goJson(action)).toString("base64"));
  const indexes = isUsual(places) ? {} : { indexes: places };
  return operationDigest({ Type: "buildkit.file.v0", Actions: written, ...indexes });
}

/** Whether places are as they were when BuildKit didn't write them down yet: each action on what the one before made of input 0. */
function isUsual(places: readonly Place[]): boolean {
  const count = places.length;
  return places.every(
    ([input, secondary, output], index) =>
      input === (index === 0 ? 0 : count + index - 1) &&
      (secondary === nowhere || secondary === 1) &&
      output === (index === count - 1 ? 0 : nowhere),
  );
}

/** `user[:group]`. @param input where names are looked up */
function ownerIn(owner: string, input: number, version: Version): object | undefined {
  if (owner === "") return undefined;
  const [user = "", group] = owner.split(/:(.*)/s);
  const named = (name: string): object => namedUser(name, input, version);
  return filled({ user: named(user), group: group === undefined ? undefined : named(group) });
}

function namedUser(name: string, input: number, version: Version): object {
  if (name === "root" || name === "") return userIn(0, version);
  if (/^\d+$/.test(name) && Number(name) < 2 ** 31) return userIn(Number(name), version);
  return { User: { byName: { name, ...(version.zeros ? { input } : filled({ input })) } } };
}

function userIn(id: number, { user }: Version): object {
  return { User: filled({ [user]: id }) };
}

function selectorOf(read: readonly Selector[]): string {
  const paths = read.map(({ path }) => path).sort();
  return digestOf(paths.reverse().join("\0"));
}

/** What is read, each file once. */
function deduped(read: readonly Selector[]): readonly Selector[] {
  const isPlain = (each: Selector): boolean => !isFiltered(each);
  const plain = [false, true].flatMap((followsLinks) => {
    const same = read.filter((each) => isPlain(each) && each.followsLinks === followsLinks);
    const byPath = new Map(same.map((each) => [each.path, each]));
    return withoutNested([...byPath.keys()]).flatMap((path) => byPath.get(path) ?? []);
  });
  return [...plain, ...read.filter((each) => !isPlain(each))].sort(
    (a, b) => Number(a.path > b.path) - Number(a.path < b.path),
  );
}
