import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TempDir } from "../base/disposal.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { ArrivalDeps } from "../image/arrival.ts";
import type { PushDeps } from "../image/push.ts";
import { type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Registries } from "../registry/registries.ts";
import type { OpenedDestination, OpenedSource } from "./ends.ts";
import type { Location } from "./location.ts";
import type { StoredOptions } from "./store-source.ts";

/** What copies work with; each is opened when an end of the copy is there. */
export interface CopyDeps {
  readonly registries: () => Promise<Pick<PushDeps, "registries" | "parallelUploads">>;
  readonly store: () => Promise<ArrivalDeps & PushDeps>;
}

/** What holds an image open while it is read. */
type Held = AsyncDisposable & OpenedSource;

/** Open an image where it is. @throws {BerthError} not-found; invalid-argument; as `Repository.manifest` */
export async function openSource(deps: CopyDeps, from: Location, options: StoredOptions): Promise<Held> {
  const { alone: _, ...operation } = options;
  switch (from.transport) {
    case "docker":
      return held(await openRemote((await deps.registries()).registries, from.reference, operation));
    case "store": {
      const { openStored } = await import("./store-source.ts");
      return held(await openStored(await deps.store(), from.name, options));
    }
    default:
      return await openFiles(from);
  }
}

function held(source: OpenedSource): Held {
  return { ...source, [Symbol.asyncDispose]: async () => undefined };
}

async function openRemote(registries: Registries, reference: Reference, operation: Operation): Promise<OpenedSource> {
  const { domain, path, tag = "latest", digest = tag } = reference;
  const reader = registries.repository(reference);
  return { reader, root: await reader.manifest(digest, operation), repository: { domain, path } };
}

async function openFiles(from: Exclude<Location, { readonly transport: "docker" | "store" }>): Promise<Held> {
  const { transport, path } = from;
  if (!existsSync(path)) throw new BerthError("not-found", `open ${path}: no such file or directory`);
  const wantsDirectory = transport === "oci" || transport === "dir";
  if (statSync(path).isDirectory() !== wantsDirectory) {
    throw new BerthError("invalid-argument", `${path} is ${wantsDirectory ? "no" : "a"} directory`);
  }
  const { openArchiveFiles } = await import("../image/archive-files.ts");
  await using stack = new AsyncDisposableStack();
  const files = stack.use(await openArchiveFiles(path, scratch));
  const source = await (async (): Promise<OpenedSource> => {
    if (transport === "docker-archive") {
      const { openDockerArchive } = await import("./docker-archive-source.ts");
      return await openDockerArchive(files, from.reference);
    }
    const { openDirectory, openLayout } = await import("./layout-source.ts");
    return transport === "dir" ? await openDirectory(files) : await openLayout(files, from.image);
  })();
  const owned = stack.move();
  return { ...source, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Where an archive that is compressed lies while it is read. */
async function scratch(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), "berth-copy-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Where an image can be written, one blob after the other. */
export type Writable = Exclude<Location, { readonly transport: "store" }>;

/** Open what an image is written to. @throws {BerthError} already-exists; failed-precondition */
export async function openDestination(
  deps: CopyDeps,
  { to, source }: { readonly to: Writable; readonly source: OpenedSource },
  operation: Operation,
): Promise<OpenedDestination> {
  switch (to.transport) {
    case "docker":
      return await openRepository(deps, { to: to.reference, source });
    case "oci": {
      const { openLayoutDestination } = await import("./layout-destination.ts");
      return await openLayoutDestination(to.path, to.image, operation);
    }
    case "oci-archive": {
      const { openLayoutArchive } = await import("./archive-destination.ts");
      return await openLayoutArchive(to.path, to.image);
    }
    case "docker-archive": {
      const { openDockerArchiveDestination } = await import("./archive-destination.ts");
      return await openDockerArchiveDestination(to.path, to.reference);
    }
    case "dir": {
      const { openDirectoryDestination } = await import("./dir-destination.ts");
      return await openDirectoryDestination(to.path);
    }
    default:
      return to satisfies never;
  }
}

async function openRepository(
  deps: CopyDeps,
  { to, source }: { readonly to: Reference; readonly source: OpenedSource },
): Promise<OpenedDestination> {
  const { registries, parallelUploads: most } = await deps.registries();
  const repository = registries.repository(to, { isWritten: true });
  const { tag, digest } = withDefaultTag(to);
  return {
    to: repository,
    how: { most, ...(await mountsFor(deps, { to, source })) },
    directory: undefined,
    finish: async (top, operation) => {
      if (digest !== undefined && digest !== top.digest) {
        throw new BerthError("failed-precondition", `the image has the digest ${top.digest}, and ${digest} is named`);
      }
      await repository.putManifest(tag ?? top.digest, top, operation);
      const target = source.targetOf?.(top.digest);
      if (target === undefined) return;
      const { recordPushed } = await import("../image/push.ts");
      await recordPushed(await deps.store(), { reference: to, digest: top.digest, target });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Where a registry may have blobs already: in the repository that they are copied from, or where records say it. */
async function mountsFor(
  deps: CopyDeps,
  { to, source }: { readonly to: Reference; readonly source: OpenedSource },
): Promise<Pick<OpenedDestination["how"], "mountFrom">> {
  const { repository, targetOf } = source;
  if (repository?.domain === to.domain && repository.path !== to.path) return { mountFrom: () => repository.path };
  if (targetOf === undefined) return {};
  const { sendingOf } = await import("../image/push.ts");
  const { mountFrom } = sendingOf(await deps.store(), to);
  return mountFrom === undefined ? {} : { mountFrom };
}
