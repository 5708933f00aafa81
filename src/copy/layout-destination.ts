import { createReadStream, existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BerthError, codeOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { type Lock, tryLock } from "../host/lock.ts";
import { linux } from "../host/syscalls.ts";
import { moveDurably } from "../host/write-file.ts";
import { indexName } from "../image/layout-images.ts";
import { blobName, descriptorsIn } from "../image/layout-json.ts";
import type { Digest } from "../oci/digest.ts";
import { jsonIn } from "../oci/image-index.ts";
import type { Upload } from "../registry/repository.ts";
import type { ShippedManifest } from "../registry/shipment.ts";
import { atOnce, type OpenedDestination } from "./ends.ts";
import { type LayoutList, withImage } from "./layout-list.ts";
import { passed, uploadOf, writeNewFile } from "./new-file.ts";

const layoutFile = "oci-layout";
const layoutVersion = '{"imageLayoutVersion":"1.0.0"}';

/** What an unfinished layout may have, and a finished one too. */
const known: ReadonlySet<string> = new Set(["blobs", indexName, layoutFile]);

/** How the name of a file ends that is still being written. */
const unfinished = ".tmp";

/**
 * An OCI layout's directory, which one process writes at a time: others wait. Blobs that are there stay, and so do other images.
 * What one that was killed has left is no image: its blobs are of use to the next one.
 *
 * @param image what the layout is to call the image; nothing when undefined
 * @throws {BerthError} failed-precondition, for a directory of something else
 */
export async function openLayoutDestination(
  given: string,
  image: string | undefined,
  { annotations = {}, ...operation }: Operation & { readonly annotations?: Readonly<Record<string, string>> },
): Promise<OpenedDestination> {
  const path = resolve(given);
  await using stack = new AsyncDisposableStack();
  const { made, held } = await lockedDirectory(path, operation);
  stack.use(held);
  const strange = readdirSync(path).find((name) => !known.has(name));
  if (strange !== undefined && !existsSync(join(path, layoutFile))) {
    throw new BerthError("failed-precondition", `${path} is no OCI layout, and not empty: it has ${strange}`);
  }
  const blobs = join(path, "blobs", "sha256");
  if ((await mkdir(blobs, { recursive: true })) === undefined) removeStrays(blobs);
  const layout = new Layout({ path, image, annotations, made, held });
  stack.defer(() => layout.close());
  const owned = stack.move();
  return {
    to: {
      hasManifest: async () => false,
      hasBlob: async (digest) => layout.has(digest),
      upload: (blob, own) => layout.put(blob, own ?? {}),
      putManifest: async (_name, { bytes }, own) => layout.putBytes(bytes, own ?? {}),
    },
    how: { most: atOnce },
    directory: path,
    finish: (top, own) => layout.finish(top, own),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Lock a directory, which whoever had it may have deleted. @returns also the topmost directory that wasn't there */
async function lockedDirectory(
  path: string,
  { signal }: Operation,
): Promise<{ readonly made: string | undefined; readonly held: Lock }> {
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    const made = await mkdir(path, { recursive: true });
    const held = tryLock(linux, path, { create: false });
    if (held !== undefined) return { made, held };
    await sleep(pause, undefined, stoppedBy(signal));
  }
}

interface LayoutParts {
  readonly path: string;
  readonly image: string | undefined;
  /** Beside the image's name. */
  readonly annotations: Readonly<Record<string, string>>;
  /** The topmost directory that wasn't there. */
  readonly made: string | undefined;
  readonly held: Lock;
}

class Layout {
  readonly #parts: LayoutParts;
  /** Those that were written, while they are of no image. */
  readonly #own: Set<string> = new Set();
  #isFinished = false;

  constructor(parts: LayoutParts) {
    this.#parts = parts;
  }

  has(digest: Digest): boolean {
    return statSync(this.#pathOf(digest), { throwIfNoEntry: false })?.isFile() === true;
  }

  async put(blob: Upload, { signal }: Operation): Promise<"exists" | "pushed"> {
    if (blob.digest !== undefined && (await this.#isWhole(blob.digest, signal))) return "exists";
    const temporary = join(this.#parts.path, "blobs", "sha256", `${randomID()}${unfinished}`);
    const { digest } = await writeNewFile(temporary, blob, stoppedBy(signal));
    const path = this.#pathOf(digest);
    if (!this.has(digest)) this.#own.add(path);
    await moveDurably(temporary, path);
    return "pushed";
  }

  async putBytes(bytes: Uint8Array, operation: Operation): Promise<void> {
    await this.put(uploadOf(bytes), operation);
  }

  async finish(top: ShippedManifest, operation: Operation): Promise<void> {
    const { path, image, annotations } = this.#parts;
    await this.putBytes(top.bytes, operation);
    const index = JSON.stringify(withImage(readIndex(path), top, image, annotations));
    await this.#replace(layoutFile, layoutVersion, operation);
    await this.#replace(indexName, index, operation);
    this.#isFinished = true;
  }

  /** Delete what belongs to no image. */
  close(): void {
    if (this.#isFinished) return;
    const { path, made } = this.#parts;
    for (const file of this.#own) rmSync(file, { force: true });
    const topmost = made ?? join(path, "blobs");
    for (let each = join(path, "blobs", "sha256"); each.length >= topmost.length; each = dirname(each)) {
      if (!removedEmpty(each)) return;
    }
  }

  #pathOf(digest: Digest): string {
    return join(this.#parts.path, blobName(digest));
  }

  /** What is there may be damaged: it is written anew. */
  async #isWhole(digest: Digest, signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.has(digest)) return false;
    const body: Upload["body"] = () => ({
      bytes: createReadStream(this.#pathOf(digest), { highWaterMark: 1 << 20 }),
      digest: () => digest,
    });
    return (await passed({ body }, { signal }, async () => {})).digest === digest;
  }

  async #replace(name: string, text: string, operation: Operation): Promise<void> {
    const path = join(this.#parts.path, name);
    if (existsSync(path) && readFileSync(path, "utf8") === text) return;
    const temporary = join(this.#parts.path, "blobs", "sha256", `${randomID()}${unfinished}`);
    await writeNewFile(temporary, uploadOf(Buffer.from(text)), operation);
    await moveDurably(temporary, path);
  }
}

/** What a process that was killed was writing: whoever has the lock is alone. */
function removeStrays(directory: string): void {
  for (const name of readdirSync(directory)) if (name.endsWith(unfinished)) rmSync(join(directory, name));
}

function removedEmpty(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOTEMPTY" || codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** A layout's list; undefined where there is none yet. */
function readIndex(path: string): LayoutList | undefined {
  const file = join(path, indexName);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return undefined;
  if (size > limits.json) throw new BerthError("invalid-argument", `${file} is larger than ${limits.json} bytes`);
  const bytes = readFileSync(file);
  return { ...(jsonIn(bytes) as object), manifests: descriptorsIn(indexName, bytes) };
}
