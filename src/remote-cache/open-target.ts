import type { Operation } from "../base/operation.ts";
import { parseReference, withDefaultTag } from "../oci/reference.ts";
import { manifestOfCache } from "./cache-manifest.ts";
import type { RemoteCacheDeps } from "./deps.ts";
import type { CacheExport } from "./options.ts";
import type { CacheTarget } from "./target.ts";

type Of<Type extends CacheExport["type"]> = Extract<CacheExport, { readonly type: Type }>;

/** Open the place that a cache is written to. @throws {BerthError} as `Registries.repository`; failed-precondition, for a directory of something else */
export async function openTarget(deps: RemoteCacheDeps, to: CacheExport, operation: Operation): Promise<CacheTarget> {
  switch (to.type) {
    case "registry":
      return await openRepository(deps, to);
    case "local":
      return await openDirectory(to, operation);
    case "s3":
    case "gha": {
      const [{ openObjects }, { objectTarget }] = await Promise.all([
        import("./open-objects.ts"),
        import("./object-store.ts"),
      ]);
      const store = await openObjects(to);
      return { ...objectTarget(deps, store), [Symbol.asyncDispose]: async () => store[Symbol.dispose]() };
    }
    default:
      return to satisfies never;
  }
}

async function openRepository(deps: RemoteCacheDeps, to: Of<"registry">): Promise<CacheTarget> {
  const reference = withDefaultTag(parseReference(to.ref));
  const { registries, parallelUploads } = await deps.openRegistries(to.insecure ? reference.domain : undefined);
  const repository = registries.repository(reference, { isWritten: true });
  const upload: CacheTarget["upload"] = (blob, operation) => repository.upload(blob, operation);
  return {
    most: parallelUploads,
    hasBlob: (digest, operation) => repository.hasBlob(digest, operation),
    upload,
    publish: async (cache, operation) => {
      const manifest = await manifestOfCache(cache, to, { ...operation, upload });
      await repository.putManifest(reference.tag ?? manifest.digest, manifest, operation);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function openDirectory(to: Of<"local">, operation: Operation): Promise<CacheTarget> {
  const { openLayoutDestination } = await import("../copy/layout-destination.ts");
  const opened = await openLayoutDestination(to.dest, to.tag, operation);
  const upload: CacheTarget["upload"] = (blob, own) => opened.to.upload(blob, own);
  return {
    most: opened.how.most,
    hasBlob: (digest, own) => opened.to.hasBlob(digest, own),
    upload,
    publish: async (cache, own) => {
      await opened.finish(await manifestOfCache(cache, to, { ...own, upload }), own);
      if (to.reset) (await import("./reset-layout.ts")).deleteUnreferenced(to.dest);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
