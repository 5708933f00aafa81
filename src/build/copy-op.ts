import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, normalize } from "node:path/posix";
import { decompress } from "../archive/decompress.ts";
import { applyLayer } from "../archive/extract.ts";
import { BerthError, isKind } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { openMatcher } from "../dockerfile/ignore.ts";
import { heldDir } from "../host/held-dir.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import { ownerOf } from "./chown.ts";
import { contentKey } from "./content-key.ts";
import { type CopyOptions, copySelection } from "./copy-files.ts";
import { hasWildcards } from "./go-match.ts";
import type { CopyOp, InlineFile } from "./graph.ts";
import { FileLister } from "./history/file-list.ts";
import type { OpDeps } from "./op-deps.ts";
import { type Owner, RootWriter } from "./root-writer.ts";
import { type Selection, type SelectOptions, selectSource, splitParents } from "./select.ts";
import type { KeyedContent, Work } from "./solve.ts";
import { directoryTree, type SourceTree } from "./source-tree.ts";
import { headOf, startsArchive } from "./stream-context.ts";

/** Where a copy goes, and where it comes from. */
export interface CopyInputs {
  readonly parent: ChainID | undefined;
  /** By index of the vertex's inputs, less the first; none where every file is in the Dockerfile. */
  readonly sources: readonly CopySource[];
}

/** A tree to copy from. */
export interface CopySource {
  readonly tree: SourceTree;
  /** What names the tree; undefined for the context, whose files say what it is. */
  readonly key: string | undefined;
  /** The layers that the tree is made of; undefined for the context and the empty tree. */
  readonly chainID?: ChainID;
  /** Owner that its files count as having; their own when absent. */
  readonly owner?: Owner;
}

const root: Owner = { uid: 0, gid: 0 };

/** Files of a source, and how they are copied. */
interface Selected {
  readonly selections: readonly Selection[];
  readonly source: CopySource;
  readonly unpack: boolean;
}

/** The work of `COPY` and `ADD`, which takes no kernel help: files go straight into the upper directory. */
export function planCopy(deps: OpDeps, op: CopyOp, { parent, sources }: CopyInputs): Work {
  let selected: readonly Selected[] | undefined;
  const select = (): readonly Selected[] => {
    selected ??= sources.length === 0 ? [] : selectAll(deps.host.syscalls, op, sources);
    return selected;
  };
  const definition = async (): Promise<string> => {
    const names = sources.map(({ key }) => key);
    return digestOf(JSON.stringify(["copy", op, parent, op.origins === undefined ? names[0] : names]));
  };
  let keyed: readonly KeyedContent[] = [];
  const content = async (): Promise<string> => {
    const contents: KeyedContent[] = [];
    for (const { selections, source } of select()) {
      const files = new FileLister();
      const options = { lister: files, ...(source.owner === undefined ? {} : { owner: source.owner }) };
      contents.push({ key: await contentKey(deps, selections, options), mount: "", files });
    }
    keyed = contents;
    const keys = contents.map(({ key }) => key);
    return digestOf(JSON.stringify(["copy", op, parent, { content: op.origins === undefined ? keys[0] : keys }]));
  };
  const isNamed = sources.every(({ key }) => key !== undefined);
  return {
    keys: [...(isNamed ? [definition] : []), ...(sources.length === 0 ? [] : [content])],
    content: () => keyed,
    run: async (operation) => {
      await using snapshot = await deps.snapshotter.prepare(`build-${randomID()}`, parent);
      await copyInto(deps, { op, snapshot, selected: select() }, operation);
      const { chainID } = await snapshot.commit(operation);
      return { chainID };
    },
  };
}

interface CopyTask {
  readonly op: CopyOp;
  readonly snapshot: ActiveSnapshot;
  readonly selected: readonly Selected[];
}

async function copyInto(
  deps: OpDeps,
  { op, snapshot, selected }: CopyTask,
  { signal }: Operation & { readonly signal: AbortSignal },
): Promise<void> {
  const writer = new RootWriter(deps, snapshot);
  const options: CopyOptions = {
    syscalls: deps.host.syscalls,
    destination: op.destination,
    signal,
    ...(op.owner === undefined ? {} : { owner: ownerOf(snapshot.view(), op.owner) }),
    ...(op.mode === undefined ? {} : { mode: op.mode }),
  };
  for (const { selections, source, unpack } of selected) {
    const owned = source.owner === undefined ? options : { ...options, defaultOwner: source.owner };
    for (const selection of selections) {
      if (unpack && (await unpackInto(writer, selection, owned))) continue;
      await copySelection(writer, selection, owned);
    }
  }
  if (op.inline.length > 0) await copyInline(deps, writer, { files: op.inline, options });
}

/** What each source comes to; all of them at once where they are in one place. */
function selectAll(syscalls: Syscalls, op: CopyOp, sources: readonly CopySource[]): readonly Selected[] {
  const exclude = op.exclude.length === 0 ? undefined : openMatcher(op.exclude).excludes;
  const options = { syscalls, ...(exclude === undefined ? {} : { exclude }) };
  const from = (index: number): CopySource => {
    const source = sources[index];
    if (source === undefined) throw new Error(`the copy has no source ${index}`);
    return source;
  };
  const select = (path: string, { tree, key }: CopySource): readonly Selection[] => {
    try {
      return op.parents ? selectParents(tree, path, options) : selectSource(tree, path, options);
    } catch (error) {
      throw unfound(error, key === undefined);
    }
  };
  const { origins, unpack } = op;
  if (origins === undefined) {
    const source = from(0);
    return [{ source, unpack, selections: op.sources.flatMap((path) => select(path, source)) }];
  }
  return op.sources.map((path, index) => {
    const { input, unpack } = origins[index] ?? { input: 1, unpack: op.unpack };
    const source = from(input - 1);
    return { source, unpack, selections: select(path, source) };
  });
}

/** What BuildKit says of a source that isn't there; any other error as it is. */
export function unfound(error: unknown, inContext: boolean): unknown {
  if (!isKind(error, "not-found") || !(error instanceof BerthError)) return error;
  const message = `failed to compute cache key: failed to calculate checksum of ref: ${error.message}`;
  return new BerthError("not-found", message, { cause: error, hint: inContext ? ofContext : ofStage });
}

const ofContext = "Paths are relative to the build context; .dockerignore may leave the file out.";
const ofStage = "With --from, paths are those of the stage or image that it names, from its root.";

/** With `--parents`: what a pattern matches, below the part of the path after `/./` or the whole path. */
function selectParents(tree: SourceTree, source: string, options: SelectOptions): readonly Selection[] {
  const { base, pattern } = splitParents(source);
  const whole = join("/", base, pattern);
  if (!hasWildcards(whole) && tree.lstat(tree.resolve(whole)) === undefined)
    throw new BerthError("not-found", `${JSON.stringify(whole)}: not found`);
  const include = pattern === "" ? undefined : openMatcher([pattern]).excludes;
  return selectSource(tree, base, { ...options, ...(include === undefined ? {} : { include }) });
}

async function copyInline(
  deps: OpDeps,
  writer: RootWriter,
  { files, options }: { readonly files: readonly InlineFile[]; readonly options: CopyOptions },
): Promise<void> {
  await using scratch = await heldDir(deps.host.syscalls, deps.host.runRoot, "inline-");
  const tree = directoryTree(scratch.path);
  for (const [index, { name, data }] of files.entries()) {
    await writeFile(join(scratch.path, String(index)), data, { mode: 0o644 });
    const [selection] = selectSource(tree, `/${index}`, deps.host);
    if (selection !== undefined)
      await copySelection(writer, { ...selection, name }, { defaultOwner: root, ...options });
  }
}

/** Unpack a source that is a tar archive, with the owners and modes that it has. @returns false when it is none */
async function unpackInto(writer: RootWriter, selection: Selection, options: CopyOptions): Promise<boolean> {
  const file = selection.source.entry;
  if (file.kind !== "file" || !(await isArchive(file.source))) return false;
  const { destination, owner, syscalls, signal } = options;
  const path = writer.resolve(normalize(destination).replace(/(?<=.)\/$/, ""));
  writer.mkdirAll(path, owner);
  const target = writer.directory(path);
  const { implied } = await applyLayer(decompress(createReadStream(file.source)), target, {
    syscalls,
    whiteouts: "literal",
    signal,
  });
  for (const directory of implied) writer.restore(join(path, directory));
  return true;
}

/** True when a file begins like a tar archive, compressed or not. */
async function isArchive(path: string): Promise<boolean> {
  const plain = decompress(createReadStream(path));
  try {
    return startsArchive(await headOf(plain));
  } catch (error) {
    // What only looks compressed is copied.
    if (isKind(error, "invalid-argument")) return false;
    throw error;
  } finally {
    await plain.return(undefined);
  }
}
