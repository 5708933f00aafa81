import { wrongDigest } from "../archive/checked-blob.ts";
import { BerthError, messageOf } from "../base/errors.ts";
import { boundJson } from "../base/json-bounds.ts";
import { limits } from "../base/limits.ts";
import { digestOf } from "../oci/digest.ts";
import { type ImageConfig, parseNewConfig } from "../oci/image-config.ts";
import { type ArchiveFiles, missing } from "./archive-files.ts";
import type { Blob } from "./archived-image.ts";

/**
 * The bytes of a small file of an archive, checked against what is said of it.
 *
 * @throws {BerthError} invalid-argument, when it isn't there, too large, or not what its digest and size say
 */
export async function readBlob(files: ArchiveFiles, blob: Blob): Promise<Buffer> {
  const size = await sizeOf(files, blob);
  if (size > limits.json) {
    throw new BerthError("invalid-argument", `invalid archive: ${blob.name} is larger than ${limits.json} bytes`);
  }
  const bytes = Buffer.concat(await Array.fromAsync(files.open(blob.name)));
  const found = digestOf(bytes);
  const { name, digest } = blob;
  if (digest !== undefined && found !== digest) throw wrongDigest({ name, digest }, found);
  return bytes;
}

/** Size of a file of an archive, bytes. @throws {BerthError} invalid-argument, when it isn't there or of another size than is said */
export async function sizeOf(files: ArchiveFiles, blob: Blob): Promise<number> {
  const size = await files.size(blob.name);
  if (size === undefined) throw missing(blob.name);
  if (blob.size !== undefined && blob.size !== size) {
    const message = `invalid archive: ${blob.name} has ${size} bytes, expected ${blob.size}`;
    throw new BerthError("invalid-argument", message);
  }
  return size;
}

/** Read JSON. @throws {BerthError} invalid-argument, in Docker's words, naming the file */
export function parseArchiveJson(name: string, bytes: Buffer): unknown {
  try {
    boundJson(bytes);
    const value: unknown = JSON.parse(bytes.toString());
    return value;
  } catch (error) {
    const cut = bytes.length === 0 ? "EOF" : "unexpected EOF";
    const why = /end of JSON/.test(messageOf(error)) ? cut : messageOf(error);
    throw new BerthError("invalid-argument", `invalid archive: failed to decode ${name}: ${why}`, { cause: error });
  }
}

/** Read the config of an image. @throws {BerthError} invalid-argument, naming the file */
export function parseArchivedConfig(name: string, bytes: Buffer): ImageConfig {
  try {
    return parseNewConfig(bytes);
  } catch (error) {
    throw new BerthError("invalid-argument", `invalid archive: ${name}: ${messageOf(error)}`, { cause: error });
  }
}
