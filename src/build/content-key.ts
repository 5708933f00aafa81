import { createHash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { bytesOf, pathOf } from "../archive/byte-string.ts";
import { digestFiles } from "./file-digests.ts";
import type { FileLister } from "./history/file-list.ts";
import type { OpDeps } from "./op-deps.ts";
import type { Owner } from "./root-writer.ts";
import type { SelectedFile, Selection } from "./select.ts";

/** How files count. */
export interface ContentOptions {
  /** Owner that every file counts as having; its own when absent. */
  readonly owner?: Owner;
  readonly signal?: AbortSignal;
  /** Told of each file. */
  readonly lister?: FileLister;
}

/**
 * Name what was selected by its content: names, types, modes, owners, bytes, link targets, extended attributes.
 * Times don't count, so that a fresh checkout of the same files has the same key.
 */
export async function contentKey(
  deps: Pick<OpDeps, "db" | "forgetful">,
  selections: readonly Selection[],
  options: ContentOptions = {},
): Promise<string> {
  const hash = createHash("sha256");
  for (const batch of batchesOf(filesOf(selections))) {
    const regular = batch.map(({ file }) => file).filter(({ entry }) => entry.kind === "file");
    const digests = await digestFiles(
      deps.db,
      regular.map(({ entry }) => entry),
      { ...options, forgetful: deps.forgetful === true },
    );
    const digestOfFile = new Map(regular.map((file, index) => [file, digests[index]]));
    for (const { head, file } of batch) {
      const content = digestOfFile.get(file) ?? special(file);
      const listed = { attributes: attributes(file, options), content };
      options.lister?.add(file.entry.path, listed);
      hash.update(`${head}${JSON.stringify([file.path, ...listed.attributes, content])}\n`);
    }
  }
  return hash.digest("hex");
}

/** A file and what comes before it in the key. */
interface KeyedFile {
  readonly head: string;
  readonly file: SelectedFile;
}

function* filesOf(selections: readonly Selection[]): Generator<KeyedFile> {
  for (const { name, source, below } of selections) {
    // A directory gives its contents, not its name.
    yield { head: source.entry.kind === "dir" ? "dir\n" : `${JSON.stringify(name)}\n`, file: source };
    for (const file of below()) yield { head: "", file };
  }
}

/** Files whose digests are asked for, and kept, at once: what is known of many more takes much memory. */
const filesAtOnce = 4096;

function* batchesOf<Item>(items: Iterable<Item>): Generator<readonly Item[]> {
  let batch: Item[] = [];
  for (const item of items) {
    if (batch.push(item) < filesAtOnce) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function attributes({ entry, xattrs }: SelectedFile, { owner }: ContentOptions): readonly unknown[] {
  const { mode, uid, gid } = entry.stats;
  const values = [...xattrs].map(([name, value]) => [name, value.toString("hex")]);
  return [entry.kind, Number(mode) & 0o7777, owner?.uid ?? Number(uid), owner?.gid ?? Number(gid), values.sort()];
}

function special({ entry }: SelectedFile): string | number {
  if (entry.kind === "symlink") return readlinkSync(pathOf(bytesOf(entry.source)), "latin1");
  return entry.kind === "char" || entry.kind === "block" ? Number(entry.stats.rdev) : 0;
}
