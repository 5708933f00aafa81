import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Digest } from "../../oci/digest.ts";
import { fullName, parseReference, withDefaultTag } from "../../oci/reference.ts";
import type { BuildValues } from "./build-flags.ts";

/** Write what `--iidfile` and `--metadata-file` ask for, each file whole or not at all. */
export function writeResult(values: Pick<BuildValues, "iidfile" | "metadata-file">, result: Written): void {
  const { iidfile, "metadata-file": metadata } = values;
  if (iidfile !== undefined && result.id !== undefined) writeWhole(iidfile, result.id);
  if (metadata !== undefined) writeWhole(metadata, `${JSON.stringify(resultMetadata(result), undefined, 2)}\n`);
}

/** Write what `--metadata-file` of several builds asks for. */
export function writeMetadata(path: string, metadata: object): void {
  writeWhole(path, `${JSON.stringify(metadata, undefined, 2)}\n`);
}

interface Written {
  /** Absent where files alone were built. */
  readonly image?: { readonly id: Digest } | undefined;
  /** In the store, where there is one. */
  readonly index?: Digest | undefined;
  /** Of several platforms, the index's digest. */
  readonly id?: Digest | undefined;
  readonly names: readonly string[];
  /** Digest of what was pushed. */
  readonly pushed?: string;
}

/** What is known of a build, under BuildKit's names. As with Docker's own store, an image that wasn't pushed has its ID as its digest. */
export function resultMetadata({ image, id, index, names: tags, pushed }: Written): Readonly<Record<string, string>> {
  if (image === undefined) return {};
  const names = tags.map((tag) => fullName(withDefaultTag(parseReference(tag))));
  return {
    ...(id === image.id ? { "containerimage.config.digest": image.id } : {}),
    "containerimage.digest": pushed ?? index ?? image.id,
    ...(names.length === 0 ? {} : { "image.name": names.join(",") }),
  };
}

function writeWhole(path: string, text: string): void {
  // A device or a pipe can't be replaced.
  if (existsSync(path) && !statSync(path).isFile()) {
    writeFileSync(path, text);
    return;
  }
  const partial = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(partial, text);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
}
