import { pack, unpack } from "./packed.ts";

/** Most files that a list names. */
export const mostListed = 20_000;

/** Hex digits of a digest that tell two contents of one path apart. */
const digits = 16;

/** What a file counts as in a content key beside its path: kind, mode, owner and extended attributes; its content. */
export interface ListedFile {
  readonly attributes: readonly unknown[];
  /** Digest, target of a link or number of a device. */
  readonly content: string | number;
}

/** Takes down the files of a content key, as they are looked at. */
export class FileLister {
  readonly #files: (readonly [path: string, file: ListedFile])[] = [];
  #count = 0;

  /** @param path absolute inside the tree */
  add(path: string, file: ListedFile): void {
    if (++this.#count <= mostListed) this.#files.push([path, file]);
  }

  /** The list as it is kept; undefined where there are more files than one has. */
  packed(): Uint8Array | undefined {
    if (this.#count > mostListed) return undefined;
    return pack(
      this.#files.map(([path, { attributes, content }]) => [
        path,
        attributes,
        typeof content === "string" && /^[0-9a-f]{64}$/.test(content) ? content.slice(0, digits) : content,
      ]),
    );
  }
}

/** The files of a list, by path. @throws {Error} for what is none */
export function unpackFiles(bytes: Uint8Array): ReadonlyMap<string, ListedFile> {
  return new Map(
    unpack(bytes).map((value) => {
      if (!isEntry(value)) throw new Error("no list of files");
      const [path, attributes, content] = value;
      return [path, { attributes, content }];
    }),
  );
}

function isEntry(value: unknown): value is readonly [string, readonly unknown[], string | number] {
  return Array.isArray(value) && value.length === 3 && typeof value[0] === "string" && Array.isArray(value[1]);
}

/** How two lists differ. Paths are sorted. */
export interface FileChanges {
  readonly changed: readonly ChangedFile[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** A file that counts as another one now. */
export interface ChangedFile {
  readonly path: string;
  /** What of it: `content`, `mode 0644 -> 0755`, … */
  readonly what: readonly string[];
}

/** Compare what a step read with what it reads now. */
export function compareFiles(
  before: ReadonlyMap<string, ListedFile>,
  after: ReadonlyMap<string, ListedFile>,
): FileChanges {
  const changed: ChangedFile[] = [];
  for (const [path, file] of after) {
    const old = before.get(path);
    const what = old === undefined ? [] : differences(old, file);
    if (what.length > 0) changed.push({ path, what });
  }
  return {
    changed: changed.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    added: [...after.keys()].filter((path) => !before.has(path)).toSorted(),
    removed: [...before.keys()].filter((path) => !after.has(path)).toSorted(),
  };
}

function differences(before: ListedFile, after: ListedFile): readonly string[] {
  const [kind, mode, uid, gid, xattrs] = after.attributes;
  const [oldKind, oldMode, oldUID, oldGID, oldXattrs] = before.attributes;
  if (kind !== oldKind) return [`${String(oldKind)} -> ${String(kind)}`];
  return [
    ...(before.content === after.content ? [] : ["content"]),
    ...(mode === oldMode ? [] : [`mode ${octal(oldMode)} -> ${octal(mode)}`]),
    ...(uid === oldUID && gid === oldGID ? [] : [`owner ${oldUID}:${oldGID} -> ${uid}:${gid}`]),
    ...(JSON.stringify(xattrs) === JSON.stringify(oldXattrs) ? [] : ["extended attributes"]),
  ];
}

function octal(mode: unknown): string {
  return Number(mode).toString(8).padStart(4, "0");
}
