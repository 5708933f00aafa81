import { BerthError, isKind } from "../base/errors.ts";
import { type LazyRegistries, lazyRegistries } from "../engine/registries.ts";
import type { Reference } from "../oci/reference.ts";
import type { RemoteManifest, Repository } from "../registry/repository.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { warnOn } from "./terminal/warn.ts";

/** Registries for a command that needs no store. @param insecure hosts that are taken as the settings take insecure ones */
export function remoteOf(io: Pick<Terminal, "stderr">, insecure: readonly string[] = []): LazyRegistries {
  return lazyRegistries({ insecure, warn: warnOn(io) });
}

/** The manifest or index that a name means. @param absent what is said when there is none @throws {BerthError} not-found; permission-denied */
export async function manifestNamed(
  repository: Repository,
  reference: Reference,
  absent: string,
): Promise<RemoteManifest> {
  try {
    return await repository.manifest(reference.digest ?? reference.tag ?? "latest");
  } catch (error) {
    if (!(error instanceof BerthError) || error.kind !== "not-found") throw error;
    // To Docker, an image that a registry refuses is one that isn't there, when it is pulled.
    if (isKind(error, "permission-denied")) throw error.cause;
    throw new BerthError("not-found", absent, {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
