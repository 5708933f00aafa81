import { existsSync, writeFileSync } from "node:fs";
import { isKind, messageOf } from "../../base/errors.ts";
import type { Container } from "../../container/container.ts";
import type { ContainerRequest } from "../../container/request.ts";
import type { Engine } from "../../engine/engine.ts";
import { isDigest } from "../../oci/digest.ts";
import { familiar, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Make a container as `create` and `run` do: say when the image isn't there, and write the ID where `--cidfile` says. */
export async function createNamed(
  deps: { readonly engine: Engine; readonly io: Pick<Terminal, "stderr"> },
  request: ContainerRequest,
  cidfile: string | undefined,
): Promise<Container> {
  if (cidfile !== undefined && existsSync(cidfile)) {
    throw new CliError(`container ID file found, make sure the other container isn't running or delete ${cidfile}`);
  }
  try {
    deps.engine.images.get(request.image, request.platform);
  } catch (error) {
    // Docker looks nowhere else for an ID.
    if (isKind(error, "not-found") && !isID(request.image)) {
      deps.io.stderr.write(`Unable to find image '${shown(request.image)}' locally\n`);
    }
    // A malformed name is refused by Docker's client itself.
    if (isKind(error, "invalid-argument")) throw new CliError(messageOf(error), { cause: error });
    throw error;
  }
  const { containers } = deps.engine;
  const container = await containers.create(request);
  for (const warning of containers.warnings(request)) deps.io.stderr.write(`WARNING: ${warning}\n`);
  if (cidfile !== undefined) writeFileSync(cidfile, container.id);
  return container;
}

function isID(image: string): boolean {
  return isDigest(image) || isDigest(`sha256:${image}`);
}

function shown(image: string): string {
  return familiar(withDefaultTag(parseReference(image)));
}
