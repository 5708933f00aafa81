import { type ByteString, textOf } from "../archive/byte-string.ts";
import { isOpaqueEntry, isWhiteoutEntry, type ManifestEntry } from "../archive/manifest.ts";
import { childOf } from "../archive/walk.ts";
import { opaqueXattr } from "../archive/whiteout.ts";

/** A file that a layer adds, changes or deletes. */
export interface LayerFile {
  /** A: added, C: changed, D: deleted; a deleted directory is one of them. */
  readonly kind: "A" | "C" | "D";
  /** Absolute inside the root. */
  readonly path: string;
  /** Bytes that the layer has for it: of a regular file or symlink, and of several names of one file at the first. */
  readonly size: number;
  /** Bytes that lower layers had there, a directory with all that was in it. */
  readonly before: number;
  /** Bytes of `size` that a later layer replaces or deletes. */
  readonly wasted: number;
}

/** What a layer changes of those below it. */
export interface LayerChanges {
  /** In the order of their paths. */
  readonly files: readonly LayerFile[];
  /** Sum of the files' sizes, bytes. */
  readonly size: number;
  /** How much of that a later layer replaces or deletes: stored, and never seen. */
  readonly wasted: number;
}

/** Bytes in one layer, and how many of their names can still be seen. */
interface Content {
  readonly size: number;
  names: number;
}

/** What can be seen at a path with the layers so far. */
interface Node {
  readonly content: Content | undefined;
  /** Of a directory. */
  readonly directory: Directory | undefined;
}

interface Directory {
  /** Mode, owner and extended attributes: all that makes it another one. */
  readonly attributes: string;
  readonly children: Map<ByteString, Node>;
}

interface Row extends Omit<LayerFile, "path" | "wasted"> {
  readonly path: ByteString;
  readonly content: Content | undefined;
}

/** What an opaque directory has hidden. */
interface Hidden {
  readonly directory: Directory | undefined;
  readonly bytes: number;
}

interface Layer {
  readonly rows: Row[];
  /** By the first name of each file. */
  readonly contents: Map<ByteString, Content>;
  /** Parents first. */
  readonly hidden: Map<ByteString, Hidden>;
}

/**
 * Follows what layers do to each other, from the bottom up, by their manifests. In memory are what each layer changes and what can be
 * seen of all of them, not the manifests.
 */
export class LayerFollower {
  readonly #layers: (readonly Row[])[] = [];
  readonly #root: Map<ByteString, Node> = new Map();

  /** The next layer. @param manifest directories before what is in them */
  add(manifest: Iterable<ManifestEntry>): void {
    const layer: Layer = { rows: [], contents: new Map(), hidden: new Map() };
    for (const entry of manifest) {
      if (entry.path === "") {
        if (isOpaqueEntry(entry)) this.#hide(layer, "", this.#root);
      } else if (isWhiteoutEntry(entry)) this.#delete(layer, entry.path);
      else this.#place(layer, entry);
    }
    for (const row of rowsOf(layer.hidden)) layer.rows.push(row);
    this.#layers.push(layer.rows);
  }

  /** What each layer changes, as far as layers were added. */
  changes(): readonly LayerChanges[] {
    return this.#layers.map((rows) => {
      const files = rows
        .toSorted((a, b) => (a.path < b.path ? -1 : 1))
        .map(({ content, path, ...row }) => ({
          ...row,
          path: `/${textOf(path)}`,
          wasted: content?.names === 0 ? row.size : 0,
        }));
      const sum = (field: "size" | "wasted"): number => files.reduce((total, file) => total + file[field], 0);
      return { files, size: sum("size"), wasted: sum("wasted") };
    });
  }

  #delete(layer: Layer, path: ByteString): void {
    const [siblings, name] = this.#placeOf(path);
    const old = siblings.get(name);
    if (old === undefined) return;
    siblings.delete(name);
    layer.rows.push({ kind: "D", path, size: 0, before: drop(old), content: undefined });
  }

  #place(layer: Layer, entry: ManifestEntry): void {
    const { path } = entry;
    const [siblings, name] = this.#placeOf(path);
    const old = siblings.get(name);
    const merged = entry.kind === "dir" ? old?.directory?.children : undefined;
    if (merged !== undefined && isOpaqueEntry(entry)) this.#hide(layer, path, merged);
    const content = contentOf(layer, entry);
    const directory =
      entry.kind === "dir"
        ? { attributes: attributesOf(entry), children: merged ?? new Map<ByteString, Node>() }
        : undefined;
    siblings.set(name, { content, directory });

    const hidden = layer.hidden.get(path);
    layer.hidden.delete(path);
    const was = old ?? hidden;
    // A directory that a layer has only because of what is in it.
    if (directory !== undefined && was?.directory?.attributes === directory.attributes) return;
    const replaced = old === undefined || merged !== undefined ? 0 : drop(old);
    const size = entry.kind === "link" ? 0 : (content?.size ?? 0);
    layer.rows.push({
      kind: was === undefined ? "A" : "C",
      path,
      size,
      before: replaced + (hidden?.bytes ?? 0),
      content: size > 0 ? content : undefined,
    });
  }

  /** Take away what lower layers have in a directory. What of it the layer doesn't have either is deleted. */
  #hide({ hidden }: Layer, path: ByteString, children: Map<ByteString, Node>): void {
    const pending = [[path, children] as const];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [directory, nodes] = next;
      for (const [name, node] of nodes) {
        const child = childOf(directory, name);
        hidden.set(child, { directory: node.directory, bytes: release(node.content) });
        if (node.directory !== undefined) pending.push([child, node.directory.children]);
      }
    }
    children.clear();
  }

  /** The directory that `path` is in, and its name there. */
  #placeOf(path: ByteString): readonly [Map<ByteString, Node>, ByteString] {
    const names = path.split("/");
    const name = names.pop() ?? "";
    let directory = this.#root;
    for (const each of names) {
      const next = directory.get(each)?.directory?.children;
      if (next === undefined) throw new Error(`a manifest has ${JSON.stringify(path)} before its directory`);
      directory = next;
    }
    return [directory, name];
  }
}

function contentOf({ contents }: Layer, entry: ManifestEntry): Content | undefined {
  if (entry.kind === "link") {
    const shared = contents.get(entry.target);
    if (shared !== undefined) shared.names++;
    return shared;
  }
  if (entry.kind !== "file" && entry.kind !== "symlink") return undefined;
  const content = { size: entry.kind === "file" ? entry.size : entry.target.length, names: 1 };
  contents.set(entry.path, content);
  return content;
}

/** Forget a file or a whole tree. @returns the bytes that can't be seen any more */
function drop(node: Node): number {
  let bytes = 0;
  const pending = [node];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    bytes += release(next.content);
    if (next.directory !== undefined) for (const child of next.directory.children.values()) pending.push(child);
  }
  return bytes;
}

function release(content: Content | undefined): number {
  if (content === undefined) return 0;
  content.names--;
  return content.names === 0 ? content.size : 0;
}

function attributesOf({ mode, uid, gid, xattrs }: ManifestEntry): string {
  const others = Object.entries(xattrs).filter(([name]) => name !== opaqueXattr);
  return JSON.stringify([mode, uid, gid, ...others.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

/** What stays hidden, a directory in one row. */
function rowsOf(hidden: ReadonlyMap<ByteString, Hidden>): Iterable<Row> {
  const tops = new Map<ByteString, ByteString>();
  const bytes = new Map<ByteString, number>();
  for (const [path, file] of hidden) {
    const top = tops.get(path.slice(0, Math.max(0, path.lastIndexOf("/")))) ?? path;
    tops.set(path, top);
    bytes.set(top, (bytes.get(top) ?? 0) + file.bytes);
  }
  return Array.from(bytes, ([path, before]) => ({ kind: "D", path, size: 0, before, content: undefined }));
}
