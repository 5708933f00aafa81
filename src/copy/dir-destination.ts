import { readdirSync, statSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { atOnce, type OpenedDestination } from "./ends.ts";
import { uploadOf, writeNewFile } from "./new-file.ts";
import { openStaging } from "./staging.ts";

/** @see containers/image, directory/directory_dest.go */
const version = "Directory Transport Version: 1.1\n";

/**
 * A directory with a file for each blob and the manifest beside, as skopeo's `dir:` writes it. It gets its name when it is whole.
 *
 * @throws {BerthError} already-exists, where there is anything else
 */
export async function openDirectoryDestination(path: string): Promise<OpenedDestination> {
  const whole = resolve(path);
  const there = statSync(whole, { throwIfNoEntry: false });
  if (there !== undefined && (!there.isDirectory() || readdirSync(whole).length > 0)) {
    throw new BerthError("already-exists", `${path} is there already, and no empty directory`);
  }
  await using stack = new AsyncDisposableStack();
  await mkdir(dirname(whole), { recursive: true });
  const { directory } = stack.use(await openStaging(whole));
  const put = async (name: string, bytes: Uint8Array, operation: Operation = {}): Promise<void> => {
    await writeNewFile(join(directory, name), uploadOf(bytes), operation);
  };
  const has = (name: string): boolean => statSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
  const owned = stack.move();
  return {
    to: {
      hasManifest: async () => false,
      hasBlob: async (digest) => has(hexOf(digest)),
      upload: async (blob, operation = {}) => {
        if (blob.digest !== undefined && has(hexOf(blob.digest))) return "exists";
        const temporary = join(directory, randomID());
        const { digest } = await writeNewFile(temporary, blob, operation);
        await rename(temporary, join(directory, hexOf(digest)));
        return "pushed";
      },
      putManifest: (_name, { bytes }, operation) => put(`${hexOf(digestOf(bytes))}.manifest.json`, bytes, operation),
    },
    how: { most: atOnce },
    directory: dirname(whole),
    finish: async ({ bytes }, operation) => {
      await put("manifest.json", bytes, operation);
      await put("version", Buffer.from(version), operation);
      await rename(directory, whole);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
