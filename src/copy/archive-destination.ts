import { closeSync, createReadStream, existsSync, openSync, readSync, statSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { endOfArchive, paddingOf } from "../archive/tar-writer.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type Described, dockerLists, layoutLists, layoutMark } from "../image/archive-lists.ts";
import { type ArchiveFile, bytesFile, fileHeader, jsonFile } from "../image/archive-writer.ts";
import { indexName } from "../image/layout-images.ts";
import { blobName } from "../image/layout-json.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { jsonIn, layerCompression, partsOf } from "../oci/image-index.ts";
import { type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Upload } from "../registry/repository.ts";
import type { ShippedManifest } from "../registry/shipment.ts";
import { atOnce, type OpenedDestination } from "./ends.ts";
import { withImage } from "./layout-list.ts";
import { passed, writeNewFile } from "./new-file.ts";
import { openStaging } from "./staging.ts";

/** Makes the lists that come last in an archive, which name its image. */
type ListsOf = (top: ShippedManifest) => readonly ArchiveFile[];

/** An archive that is an OCI layout. @param image what it is to call the image */
export async function openLayoutArchive(path: string, image: string | undefined): Promise<OpenedDestination> {
  return await openArchive(path, (top) => [jsonFile(indexName, withImage(undefined, top, image)), layoutMark]);
}

/**
 * A Docker archive, in which is a layout as well, as `save` writes it.
 *
 * @param reference what it is to call the image
 * @throws {BerthError} already-exists, for one that is there: skopeo adds no image to it, either
 */
export async function openDockerArchiveDestination(
  path: string,
  reference: Reference | undefined,
): Promise<OpenedDestination> {
  if (existsSync(path) && statSync(path).size > 0) {
    throw new BerthError("already-exists", "docker-archive doesn't support modifying existing images", {
      hint: `Delete ${path} first, or name another file.`,
    });
  }
  const references = reference === undefined ? [] : [withDefaultTag(reference)];
  return await openArchive(path, (top) => {
    const parts = partsOf(jsonIn(top.bytes));
    const isPlain = parts?.layers.every(({ mediaType = "" }) => layerCompression(mediaType) === "none");
    if (parts === undefined || isPlain !== true)
      throw new BerthError("invalid-argument", "Docker's archive takes images alone: this is another artifact");
    const described: Described = {
      references,
      descriptor: { mediaType: top.mediaType, digest: top.digest, size: top.size },
    };
    const listed = { config: parts.config.digest, references, layers: parts.layers };
    return [...layoutLists([described]), ...dockerLists([listed])];
  });
}

async function openArchive(path: string, listsOf: ListsOf): Promise<OpenedDestination> {
  const whole = resolve(path);
  if (existsSync(whole) && !statSync(whole).isFile()) {
    throw new BerthError("invalid-argument", `${path} is no regular file`);
  }
  // skopeo writes over any file; a name that was mistyped is no archive.
  if (existsSync(whole) && statSync(whole).size > 0 && !isTar(whole)) {
    throw new BerthError("already-exists", `${path} is there already, and no archive`);
  }
  await using stack = new AsyncDisposableStack();
  const { directory } = stack.use(await openStaging(whole));
  const file = stack.use(await open(join(directory, "archive"), "wx"));
  const archive = new Archive(file, directory);
  const owned = stack.move();
  return {
    to: {
      hasManifest: async () => false,
      hasBlob: async (digest) => archive.has(digest),
      upload: (blob, operation) => archive.put(blob, operation ?? {}),
      putManifest: async (_name, { bytes }) =>
        archive.putFile(bytesFile(blobName(digestOf(bytes)), Buffer.from(bytes))),
    },
    how: { most: atOnce },
    directory: dirname(whole),
    finish: async (top) => {
      await archive.putFile(bytesFile(blobName(top.digest), top.bytes));
      for (const each of listsOf(top)) await archive.putFile(each);
      await archive.end();
      await rename(join(directory, "archive"), whole);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function isTar(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(263);
    return readSync(file, head) === head.length && head.toString("latin1", 257, 262) === "ustar";
  } finally {
    closeSync(file);
  }
}

/** A tar archive that several write to: each file comes whole before the next. */
class Archive {
  readonly #file: FileHandle;
  readonly #directory: string;
  readonly #names: Set<string> = new Set();
  /** The end of what is being written. */
  #last: Promise<unknown> = Promise.resolve();
  #staged = 0;

  constructor(file: FileHandle, directory: string) {
    this.#file = file;
    this.#directory = directory;
  }

  has(digest: Digest): boolean {
    return this.#names.has(blobName(digest));
  }

  /** Put a blob in. One whose length only its end tells is written to a file of its own first. */
  async put(blob: Upload, operation: Operation): Promise<"exists" | "pushed"> {
    if (blob.digest !== undefined && this.has(blob.digest)) return "exists";
    const { digest, size } = blob;
    if (digest !== undefined && size !== undefined) {
      await this.#inTurn(() => this.#putBlob({ ...blob, digest, size }, operation));
      return "pushed";
    }
    const path = join(this.#directory, `blob-${this.#staged++}`);
    const found = await writeNewFile(path, blob, operation);
    const body: Upload["body"] = () => ({
      bytes: createReadStream(path, { highWaterMark: 1 << 20 }),
      digest: () => found.digest,
    });
    await this.#inTurn(async () => {
      if (!this.has(found.digest)) await this.#putBlob({ ...found, body }, operation);
    });
    await rm(path);
    return "pushed";
  }

  async putFile({ name, time, size, open: bytes }: ArchiveFile): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#names.has(name)) return;
      this.#names.add(name);
      await this.#write(fileHeader({ name, time, size }));
      for await (const chunk of bytes()) await this.#write(chunk);
      await this.#write(Buffer.alloc(paddingOf(size)));
    });
  }

  async end(): Promise<void> {
    await this.#write(endOfArchive);
    await this.#file.sync();
  }

  async #putBlob(
    blob: Upload & { readonly digest: Digest; readonly size: number },
    { signal }: Operation,
  ): Promise<void> {
    const name = blobName(blob.digest);
    this.#names.add(name);
    await this.#write(fileHeader({ name, time: 0, size: blob.size }));
    await passed(blob, { signal }, (chunk) => this.#write(chunk));
    await this.#write(Buffer.alloc(paddingOf(blob.size)));
  }

  async #inTurn(write: () => Promise<void>): Promise<void> {
    const mine = this.#last.then(write);
    // Whoever comes next fails by itself: the archive is given up.
    this.#last = mine;
    await mine;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) done += (await this.#file.write(bytes, done)).bytesWritten;
  }
}
