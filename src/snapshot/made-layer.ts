import { mkdirSync, renameSync, rmSync } from "node:fs";
import { type ByteString, bytesOf, pathOf } from "../archive/byte-string.ts";
import { type HashedLayer, hashLayer, layerTar, layerWriters } from "../archive/layer-tar.ts";
import { type ManifestEntry, ManifestRecorder } from "../archive/manifest.ts";
import { opaqueXattr, whiteoutPrefix } from "../archive/whiteout.ts";
import { capabilityXattr, type StoredXattrs } from "../archive/xattrs.ts";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { adoptAttributes } from "./adopt.ts";

/** What the archive of a layer that is made here says of a file beside what is in every archive. */
const told: ReadonlySet<string> = new Set([capabilityXattr, opaqueXattr]);

/** How an upper directory is read. */
export interface LookOptions extends Operation {
  readonly syscalls: Syscalls;
}

/** What an upper directory comes to as a layer. */
export interface HashedUpper {
  readonly hashed: HashedLayer;
  /** Has all that the layer holds. */
  readonly recorder: ManifestRecorder;
}

/**
 * Hash what an upper directory holds as the archive of a layer that is made here, and make the directory what that archive gives
 * wherever it is unpacked: a layer is one file system.
 *
 * @throws {BerthError} invalid-argument, where a file's name is none that an archive may have
 */
export async function hashMade(directory: string, options: LookOptions): Promise<HashedUpper> {
  let found = await look(directory, options);
  if (found.contents.hasReservedNames) {
    await passThroughArchive(directory, options);
    found = await look(directory, options);
  }
  found.contents.removeUntold(options.syscalls, directory);
  return found;
}

async function look(directory: string, options: LookOptions): Promise<HashedUpper & { readonly contents: Contents }> {
  const recorder = new ManifestRecorder();
  const contents = new Contents(recorder);
  const hashed = await hashLayer(directory, { ...options, writer: layerWriters.made, manifest: contents });
  return { hashed, recorder, contents };
}

/** Takes down what an archive tells of an upper directory, and what it doesn't. */
class Contents {
  /** True where a file's name means something else in an archive. */
  hasReservedNames = false;
  readonly #recorder: ManifestRecorder;
  readonly #untold: { readonly path: ByteString; readonly names: readonly string[] }[] = [];

  constructor(recorder: ManifestRecorder) {
    this.#recorder = recorder;
  }

  add(entry: ManifestEntry): void {
    const { path } = entry;
    this.hasReservedNames ||= path.startsWith(whiteoutPrefix, path.lastIndexOf("/") + 1);
    const names = Object.keys(entry.xattrs).filter((name) => !told.has(name));
    if (names.length > 0) this.#untold.push({ path, names });
    this.#recorder.add(names.length > 0 ? { ...entry, xattrs: toldOf(entry.xattrs) } : entry);
  }

  /** Remove the extended attributes that the archive doesn't tell of. */
  removeUntold(syscalls: Syscalls, directory: string): void {
    for (const { path, names } of this.#untold) {
      for (const name of names) removeXattr(syscalls, `${bytesOf(directory)}/${path}`, name);
    }
  }
}

function toldOf(xattrs: StoredXattrs): StoredXattrs {
  return Object.fromEntries(Object.entries(xattrs).filter(([name]) => told.has(name)));
}

/** Another name of the file may have been here before. */
function removeXattr(syscalls: Syscalls, path: ByteString, name: string): void {
  try {
    syscalls.lremovexattr(pathOf(path), name);
  } catch (error) {
    if (codeOf(error) !== "ENODATA") throw error;
  }
}

/**
 * Put in the place of an upper directory what its archive gives: a file `.wh.x` that a program wrote is a whiteout of `x` then, as
 * with Docker.
 */
async function passThroughArchive(directory: string, options: LookOptions): Promise<void> {
  // Hardly ever needed.
  const { applyLayer } = await import("../archive/extract.ts");
  const { syscalls } = options;
  const unpacked = `${directory}.unpacked`;
  mkdirSync(unpacked);
  const archive = layerTar(directory, { ...options, writer: layerWriters.made });
  await applyLayer(archive, unpacked, { ...options, whiteouts: "overlay" });
  adoptAttributes(syscalls, bytesOf(directory), bytesOf(unpacked));
  rmSync(directory, { recursive: true });
  renameSync(unpacked, directory);
}
