import { existsSync, writeFileSync } from "node:fs";
import { isKind, messageOf } from "../../base/errors.ts";
import type { Container } from "../../container/container.ts";
import type { EarlyImage } from "../../container/create.ts";
import type { ContainerRequest } from "../../container/request.ts";
import type { Engine } from "../../engine/engine.ts";
import { isDigest } from "../../oci/digest.ts";
import { familiar, parseReference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";
import type { ContainerValues } from "../request/container-flags.ts";
import { interruptible } from "../terminal/interrupt.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { warnOn } from "../terminal/warn.ts";
import { pullShown } from "./pull-image.ts";

/** What {@link createNamed} is told beside the request: flags that `run` and `create` share. */
export type CreateValues = Pick<ContainerValues, "cidfile" | "lazy" | "pull" | "quiet">;

interface CreateDeps {
  readonly engine: Engine;
  readonly io: Terminal;
}

/** Make a container as `create` and `run` do: pull the image where it has to be, and write the ID where `--cidfile` says. */
export async function createNamed(
  deps: CreateDeps,
  request: ContainerRequest,
  { cidfile, ...pulling }: CreateValues,
): Promise<Container> {
  if (cidfile !== undefined && existsSync(cidfile)) {
    throw new CliError(`container ID file found, make sure the other container isn't running or delete ${cidfile}`);
  }
  const early = await haveImage(deps, request, pulling);
  const { containers } = deps.engine;
  const container = await containers.create(request, early);
  for (const warning of containers.warnings(request, early)) warnOn(deps.io)(warning);
  if (cidfile !== undefined) writeFileSync(cidfile, container.id);
  return container;
}

/** @returns an image that isn't here as a whole, where that will do */
async function haveImage(
  { engine, io }: CreateDeps,
  { image, platform }: ContainerRequest,
  { lazy, pull, quiet }: Pick<CreateValues, "lazy" | "pull" | "quiet">,
): Promise<EarlyImage | undefined> {
  try {
    if (pull !== "always") return void engine.images.get(image, platform);
  } catch (error) {
    // A malformed name is refused by Docker's client itself.
    if (isKind(error, "invalid-argument")) throw new CliError(messageOf(error), { cause: error });
    // Docker looks nowhere else for an ID.
    if (!isKind(error, "not-found") || pull === "never" || isID(image)) throw error;
    if (!quiet) io.stderr.write(`Unable to find image '${shown(image)}' locally\n`);
  }
  using interrupt = interruptible(io);
  if (lazy) {
    const started = await engine.lazy.start(image, { signal: interrupt.signal, ...(platform && { platform }) });
    if (!("refused" in started)) return started;
    if (started.refused !== "") io.stderr.write(`${shown(image)} is pulled before it is started: ${started.refused}\n`);
  }
  await pullShown({ engine, output: io.stderr }, image, { platform, quiet, signal: interrupt.signal });
}

function isID(image: string): boolean {
  return isDigest(image) || isDigest(`sha256:${image}`);
}

function shown(image: string): string {
  return familiar(withDefaultTag(parseReference(image)));
}
