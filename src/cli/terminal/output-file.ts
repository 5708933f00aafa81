import { lstatSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../../base/errors.ts";
import { orAborted } from "../../base/operation.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "./terminal.ts";

/** Where an archive is written. */
export interface ArchiveTarget {
  /** Path of a file; standard output when absent. */
  readonly output: string | undefined;
  /** `failed to save image`: what is said before the reason. */
  readonly failure: string;
}

/**
 * Refuse a target that can't be written before anything is done.
 *
 * @throws {CliError} in Docker's words, when the directory isn't there, something else than a file is in the place or standard output is a terminal
 */
export async function checkTarget(
  { stdout }: Pick<Terminal, "stdout">,
  { output, failure }: ArchiveTarget,
): Promise<void> {
  if (output === undefined) {
    if (stdout.isTTY !== true) return;
    throw new CliError("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
  const directory = dirname(output);
  const invalid = (reason: string): CliError =>
    new CliError(`${failure}: invalid output path: stat ${directory}: ${reason}`);
  const parent = await stat(directory).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
    throw invalid("no such file or directory");
  });
  if (!parent.isDirectory()) throw invalid("not a directory");
  const there = lstatSync(output, { throwIfNoEntry: false });
  const wrong = there === undefined ? undefined : wrongKind(there);
  if (wrong !== undefined) throw new CliError(`${failure}: cannot write to a ${wrong}`);
}

/** What stands where a file is to be put, when that can't take its place. @see moby/sys atomicwriter `validateDestination` */
function wrongKind(there: Stats): string | undefined {
  if (there.isDirectory()) return "directory";
  if (there.isSymbolicLink()) return "symbolic link directly";
  if (there.isFIFO()) return "named pipe (FIFO)";
  if (there.isSocket()) return "socket";
  if (there.isCharacterDevice()) return "character device file";
  return there.isBlockDevice() ? "block device file" : undefined;
}

/** How {@link writeArchive} writes. */
export interface WriteOptions {
  /** Path of a file; standard output when absent. */
  readonly output: string | undefined;
  readonly signal: AbortSignal;
  /** Of a file that isn't there yet, before the umask; when absent it is the owner's alone, as what `docker save` writes. */
  readonly mode?: number;
}

/** The mode of a file that is like any other, which the umask decides of. */
export const plainMode = 0o666;

/**
 * Write an archive; a file is there whole or not at all.
 *
 * @param archive its chunks need only be good until the next but one is asked for
 */
export async function writeArchive(
  { stdout }: Pick<Terminal, "stdout">,
  archive: AsyncIterable<Uint8Array>,
  { output, signal, mode = 0o600 }: WriteOptions,
): Promise<void> {
  if (output === undefined) return await writeEach(archive, (chunk) => writeTo(stdout.stream, chunk), signal);
  const partial = `${output}.${process.pid}.tmp`;
  try {
    // A power loss leaves an earlier archive or this one; where there is none, it isn't waited for, as no program that copies does.
    const synced = statSync(output, { throwIfNoEntry: false }) !== undefined;
    await writeFile(partial, archive, { signal, synced, mode });
    await rename(partial, output);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** @param synced whether it is to be on the disk in the end */
async function writeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  { signal, synced, mode }: Required<Omit<WriteOptions, "output">> & { readonly synced: boolean },
): Promise<void> {
  await using file = await open(path, "w", mode);
  await writeEach(chunks, (chunk) => writeAll(file, chunk), signal);
  if (synced) await file.sync();
}

/** Each chunk is written while the next is made. */
async function writeEach(
  chunks: AsyncIterable<Uint8Array>,
  write: (chunk: Uint8Array) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let written = Promise.resolve();
  for await (const chunk of chunks) {
    await orAborted(written, signal);
    written = write(chunk);
    // Whoever awaits it next is told; nobody does when the chunks end in an error.
    written.catch(() => {});
  }
  await orAborted(written, signal);
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
}

async function writeTo(stream: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.write(chunk, (error) => (error ? reject(error) : resolve()));
  await promise;
}
