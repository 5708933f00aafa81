import { existsSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { openArchiveFiles } from "../image/archive-files.ts";
import { blobName } from "../image/layout-json.ts";
import type { Digest } from "../oci/digest.ts";
import type { OpenedSource } from "./ends.ts";
import { fileReader } from "./file-reader.ts";
import { openLayout } from "./layout-source.ts";

/** An image in a directory that is an OCI layout. */
export interface LayoutImage {
  readonly directory: string;
  /** What the layout calls it. */
  readonly tag: string | undefined;
  /** Of its manifest or index; `tag` says nothing then. */
  readonly digest: Digest | undefined;
}

/** Open an image of a layout, by a name or a digest. @throws {BerthError} not-found; invalid-argument, for what is no layout */
export async function openLayoutImage({
  directory,
  tag,
  digest,
}: LayoutImage): Promise<AsyncDisposable & OpenedSource> {
  if (!existsSync(join(directory, "index.json")))
    throw new BerthError("not-found", `invalid store at ${directory}: it has no index.json`);
  await using stack = new AsyncDisposableStack();
  const files = stack.use(await openArchiveFiles(directory, noScratch));
  const source = digest === undefined ? await openLayout(files, tag) : await openDigest(digest);
  const owned = stack.move();
  return { ...source, [Symbol.asyncDispose]: () => owned.disposeAsync() };

  async function openDigest(known: Digest): Promise<OpenedSource> {
    const reader = fileReader(files, { blob: blobName, manifest: blobName });
    return { reader, root: await reader.manifest(known) };
  }
}

/** A directory is read where it lies. */
async function noScratch(): Promise<never> {
  throw new Error("a directory needs no scratch directory");
}
