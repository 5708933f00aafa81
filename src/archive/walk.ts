import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { type ByteString, pathOf } from "./byte-string.ts";

/** A file that {@link walk} came by. */
export interface WalkedFile {
  /** Relative to where the walk began; empty for that itself. */
  readonly name: ByteString;
  readonly path: ByteString;
  readonly stats: BigIntStats;
}

/**
 * A file and all that is below it: depth first, each directory before its content, names in the order of their bytes.
 * No link is followed.
 *
 * @param enter false for a directory whose content is to be left out
 */
export function* walk(start: ByteString, enter: (file: WalkedFile) => boolean = () => true): Generator<WalkedFile> {
  const pending: ByteString[] = [""];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const path = name === "" ? start : `${start}/${name}`;
    const file = { name, path, stats: lstatSync(pathOf(path), { bigint: true }) };
    yield file;
    if (!file.stats.isDirectory() || !enter(file)) continue;
    for (const child of readdirSync(pathOf(path), "latin1").sort(descending)) pending.push(childOf(name, child));
  }
}

/** The path of `name` in a directory; in the start of a walk where `directory` is empty. */
export function childOf(directory: ByteString, name: ByteString): ByteString {
  return directory === "" ? name : `${directory}/${name}`;
}

function descending(a: ByteString, b: ByteString): number {
  return a < b ? 1 : -1;
}
