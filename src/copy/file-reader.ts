import { checkedBlob } from "../archive/checked-blob.ts";
import type { ArchiveFiles } from "../image/archive-files.ts";
import { readBlob, sizeOf } from "../image/archive-json.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import { mediaTypeIn } from "../oci/image-index.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import type { ImageReader } from "../registry/tree.ts";

/** Where files have what a digest names. */
export interface FileNames {
  readonly blob: (digest: Digest) => string;
  readonly manifest: (digest: Digest) => string;
}

/** Read images of files. Each has to have the digest and the size that it is asked for by. */
export function fileReader(files: ArchiveFiles, names: FileNames): ImageReader {
  return {
    manifest: async (text) => {
      const digest = parseDigest(text);
      return described(digest, await readBlob(files, { name: names.manifest(digest), digest }));
    },
    async *blob({ digest, size }, { offset = 0, signal } = {}) {
      const name = names.blob(digest);
      await sizeOf(files, { name, size });
      let passed = 0;
      for await (const chunk of heldBack(checkedBlob(files.open(name), { name, digest }))) {
        signal?.throwIfAborted();
        const from = Math.min(chunk.length, Math.max(0, offset - passed));
        passed += chunk.length;
        if (from < chunk.length) yield chunk.subarray(from);
      }
    },
  };
}

/** The same pieces, the last only when the end is known to be right: nobody gets all of a blob that is damaged. */
async function* heldBack(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let last: Uint8Array | undefined;
  for await (const piece of pieces) {
    if (last !== undefined) yield last;
    last = piece;
  }
  if (last !== undefined) yield last;
}

/** A manifest of bytes that are known to have a digest. */
export function described(digest: Digest, bytes: Buffer, mediaType: string = mediaTypeIn(bytes)): RemoteManifest {
  return { bytes, descriptor: { digest, size: bytes.length, mediaType } };
}
