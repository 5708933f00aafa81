import { BerthError, messageOf } from "../../base/errors.ts";
import { fullName, parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import type { Registries } from "../../registry/registries.ts";
import type { RemoteManifest, Repository } from "../../registry/repository.ts";
import { CliError } from "../cli-error.ts";
import { manifestNamed } from "../remote.ts";

/** An image at a registry. */
export interface Located {
  readonly reference: Reference;
  readonly repository: Repository;
}

/** Where a name is, with `:latest` where it has neither tag nor digest. @throws {CliError} */
export function located(registries: Registries, name: string): Located {
  const reference = readLocation(name);
  return { reference, repository: registries.repository(reference) };
}

/** A name with `:latest` where it has neither tag nor digest. @throws {CliError} */
export function readLocation(name: string): Reference {
  try {
    return withDefaultTag(parseReference(name));
  } catch (error) {
    throw buildxError(error);
  }
}

/** The manifest or index that a name means. @throws {BerthError} not-found, in buildx's words */
export async function fetchLocated({ reference, repository }: Located): Promise<RemoteManifest> {
  return await manifestNamed(repository, reference, `${fullName(reference)}: not found`);
}

/** An error as buildx prints it. */
export function buildxError(error: unknown): unknown {
  if (error instanceof CliError) return error;
  const hint = error instanceof BerthError ? error.hint : undefined;
  return new CliError(`ERROR: ${messageOf(error)}`, { cause: error, ...(hint === undefined ? {} : { hint }) });
}
