import { type ByteString, bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { amendManifest, differences, entryOf, type ManifestEntry } from "../archive/manifest.ts";
import { isOpaque } from "../archive/whiteout.ts";
import { readXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { adoptAttributes } from "./adopt.ts";
import { LayerStack } from "./layer-stack.ts";

/** A layer that is unpacked, and what lies below it. Paths are absolute. */
export interface ImpliedPlaces {
  readonly upper: string;
  /** Directories of the lower layers, the topmost first. */
  readonly lower: readonly string[];
}

/**
 * Make directories that an archive has files in but doesn't list like those below.
 *
 * @param implied absolute inside the root, `""` for itself
 */
export function adoptImplied(syscalls: Syscalls, { upper, lower }: ImpliedPlaces, implied: readonly string[]): void {
  if (implied.length === 0) return;
  const below = new LayerStack(syscalls, { layers: lower.map(bytesOf) });
  for (const path of implied.map(bytesOf)) {
    const file = below.find(path.slice(1));
    if (file?.stats.isDirectory() === true) adoptAttributes(syscalls, file.source, `${bytesOf(upper)}${path}`);
  }
}

/** The same after the layer's manifest was written, which then says what became of them. */
export async function settleImplied(
  syscalls: Syscalls,
  { manifest, ...places }: ImpliedPlaces & { readonly manifest: string },
  implied: readonly string[],
): Promise<void> {
  const look = (): readonly ManifestEntry[] => implied.map((path) => directoryAt(syscalls, places.upper, path));
  const before = look();
  adoptImplied(syscalls, places, implied);
  const changed = look().filter((entry, index) => isOther(entry, before[index]));
  if (changed.length > 0) await amendManifest(manifest, changed);
}

const isOther = (entry: ManifestEntry, before: ManifestEntry | undefined): boolean =>
  before === undefined || differences(before, entry).length > 0;

function directoryAt(syscalls: Syscalls, upper: string, implied: string): ManifestEntry {
  const name: ByteString = bytesOf(implied).slice(1);
  const path: ByteString = bytesOf(`${upper}${implied}`);
  const stats = syscalls.lstatExact(pathOf(path));
  if (stats === undefined) throw new BerthError("not-found", `lstat ${textOf(path)}: no such file or directory`);
  const xattrs = readXattrs(syscalls, path);
  return entryOf({ name, path, stats }, { first: undefined, crc: 0, xattrs, opaque: isOpaque(syscalls, path) });
}
