import { createHash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { bytesOf, pathOf } from "../archive/byte-string.ts";
import { digestFiles } from "./file-digests.ts";
import type { OpDeps } from "./op-deps.ts";
import type { Owner } from "./root-writer.ts";
import type { SelectedFile, Selection } from "./select.ts";

/** How files count. */
export interface ContentOptions {
  /** Owner that every file counts as having; its own when absent. */
  readonly owner?: Owner;
  readonly signal?: AbortSignal;
}

/**
 * Name what was selected by its content: names, types, modes, owners, bytes, link targets, extended attributes.
 * Times don't count, so that a fresh checkout of the same files has the same key.
 */
export async function contentKey(
  deps: Pick<OpDeps, "db">,
  selections: readonly Selection[],
  options: ContentOptions = {},
): Promise<string> {
  const files = selections.flatMap((selection) => selection.files);
  const regular = files.filter(({ entry }) => entry.kind === "file");
  const digests = await digestFiles(
    deps.db,
    regular.map(({ entry }) => entry),
    options.signal,
  );
  const digestOfFile = new Map(regular.map((file, index) => [file, digests[index]]));
  const hash = createHash("sha256");
  for (const { name, files } of selections) {
    // A directory gives its contents, not its name.
    hash.update(files[0]?.entry.kind === "dir" ? "dir\n" : `${JSON.stringify(name)}\n`);
    for (const file of files) {
      const content = digestOfFile.get(file) ?? special(file);
      hash.update(`${JSON.stringify([file.path, ...attributes(file, options), content])}\n`);
    }
  }
  return hash.digest("hex");
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
