import { existsSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { findImage, readConfig } from "../image/images.ts";
import { resolveTarget } from "../image/resolve.ts";
import { digestOf, parseDigest } from "../oci/digest.ts";
import { fullName, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { RemoteCacheDeps } from "./deps.ts";
import type { ImportedCache } from "./imported-cache.ts";
import type { CacheImport } from "./options.ts";
import { inlineCache, notThere, readCaches } from "./read-cache.ts";

type Of<Type extends CacheImport["type"]> = Extract<CacheImport, { readonly type: Type }>;

/** Where a cache is, as progress tells it. */
export function importName(from: CacheImport): string {
  switch (from.type) {
    case "registry":
      return fullName(withDefaultTag(parseReference(from.ref)));
    case "local":
      return `local:${from.src}`;
    case "s3":
      return `s3:${from.bucket}/${from.prefix}${from.manifestsPrefix}${from.names[0] ?? ""}`;
    case "gha":
      return `gha:${from.scope}`;
    default:
      return from satisfies never;
  }
}

/** Read the caches that are in a place; `stack` holds what their layers are read with. @throws {BerthError} as {@link readCaches}; not-found */
export async function openImport(
  deps: RemoteCacheDeps,
  from: CacheImport,
  options: Operation & { readonly stack: AsyncDisposableStack },
): Promise<readonly ImportedCache[]> {
  const caches = await openPlace(deps, from, options);
  return from.mounts ? caches : caches.map((cache) => ({ ...cache, mounts: [] }));
}

async function openPlace(
  deps: RemoteCacheDeps,
  from: CacheImport,
  { stack, ...operation }: Operation & { readonly stack: AsyncDisposableStack },
): Promise<readonly ImportedCache[]> {
  switch (from.type) {
    case "registry":
      return await openRegistry(deps, from, operation);
    case "local":
      return await openDirectory(from, { ...operation, stack });
    case "s3":
    case "gha": {
      const [{ openObjects }, { readObjects }] = await Promise.all([
        import("./open-objects.ts"),
        import("./object-store.ts"),
      ]);
      return await readObjects(stack.use(await openObjects(from)), importName(from), operation);
    }
    default:
      return from satisfies never;
  }
}

async function openRegistry(
  deps: RemoteCacheDeps,
  from: Of<"registry">,
  operation: Operation,
): Promise<readonly ImportedCache[]> {
  const reference = withDefaultTag(parseReference(from.ref));
  const name = importName(from);
  const here = storedCache(deps, reference, name);
  if (here !== undefined) return [here];
  const { registries } = await deps.openRegistries(from.insecure ? reference.domain : undefined);
  const reader = registries.repository(reference);
  const root = await reader.manifest(reference.digest ?? reference.tag ?? "latest", operation);
  return await readCaches({ name, reader, root }, operation);
}

/** The cache in an image of the store, whose layers are all here. */
function storedCache(deps: RemoteCacheDeps, reference: Reference, name: string): ImportedCache | undefined {
  const target = deps.db.read((sql) => resolveTarget(sql, fullName(reference)));
  const image = target === undefined ? undefined : findImage(deps, target.id);
  if (image === undefined) return undefined;
  const layers = image.config.rootfs.diff_ids.map((diffID) => ({
    blob: { digest: diffID, size: 0, mediaType: "" },
    diffID,
  }));
  return inlineCache({ name, bytes: readConfig(deps, image.id), layers, reader: undefined });
}

async function openDirectory(
  { src, tag, digest }: Of<"local">,
  { stack, ...operation }: Operation & { readonly stack: AsyncDisposableStack },
): Promise<readonly ImportedCache[]> {
  if (!existsSync(src)) throw new BerthError("not-found", `local cache import at ${src} not found: no such directory`);
  const [{ openArchiveFiles }, { blobName, descriptorsIn }, { readBlob }, { described, fileReader }] =
    await Promise.all([
      import("../image/archive-files.ts"),
      import("../image/layout-json.ts"),
      import("../image/archive-json.ts"),
      import("../copy/file-reader.ts"),
    ]);
  const files = stack.use(await openArchiveFiles(src, neverScratch));
  const reader = fileReader(files, { blob: blobName, manifest: blobName });
  const wanted = digest === undefined ? undefined : parseDigest(digest);
  const list = wanted === undefined ? descriptorsIn("index.json", await readBlob(files, { name: "index.json" })) : [];
  const found =
    wanted ?? list.find(({ annotations }) => annotations?.["org.opencontainers.image.ref.name"] === tag)?.digest;
  if (found === undefined) throw notThere(`local cache import at ${src} skipped: no digest found for tag ${tag}`);
  const bytes = await readBlob(files, { name: blobName(found), digest: found });
  return await readCaches({ name: `local:${src}`, reader, root: described(digestOf(bytes), bytes) }, operation);
}

/** A directory is read where it is. */
async function neverScratch(): Promise<never> {
  throw new BerthError("invalid-argument", "a local cache is a directory");
}
