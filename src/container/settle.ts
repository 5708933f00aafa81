import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { RunConfig } from "../oci/image-config.ts";
import { checkRequest, type Machine } from "./check-request.ts";
import type { ContainerConfig } from "./container.ts";
import type { ContainerRequest } from "./request.ts";

/** Docker's PATH where neither image nor user sets one. */
export const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What {@link settleConfig} puts together. */
export interface SettleInput {
  readonly id: string;
  readonly request: ContainerRequest;
  readonly image: RunConfig;
  readonly machine: Machine;
}

/**
 * Put a request and an image's config together.
 *
 * @throws {BerthError} invalid-argument, when neither gives anything to run, or for what Docker refuses
 */
export function settleConfig(input: SettleInput): Omit<ContainerConfig, "mounts"> {
  const { id, request, image, machine } = input;
  const { entrypoint, command } = commandOf(request, image);
  const args = [...entrypoint, ...command];
  if (args.length === 0) throw new BerthError("invalid-argument", "no command specified");
  const hostname = request.hostname ?? (request.network === "host" ? machine.hostname : shortID(id));
  const workingDir = request.workingDir ?? image.WorkingDir ?? "";
  const stopSignal = request.stopSignal ?? image.StopSignal;
  checkRequest({ ...request, ...(stopSignal === undefined ? {} : { stopSignal }) }, workingDir, machine);
  const user = request.user ?? image.User ?? "";
  return {
    ...image,
    User: user,
    Env: envOf(request.env, image.Env ?? []),
    Entrypoint: entrypoint,
    Cmd: command,
    WorkingDir: workingDir,
    Labels: { ...image.Labels, ...request.labels },
    ...volumesOf(request, image),
    ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    args,
    hostname,
  };
}

/** The image's, and those of the request that have no name: a commit has them too. */
function volumesOf({ volumes }: ContainerRequest, image: RunConfig): Pick<RunConfig, "Volumes"> {
  const unnamed = volumes.filter(({ source, createSource }) => source === undefined && createSource);
  if (unnamed.length === 0) return {};
  return { Volumes: { ...image.Volumes, ...Object.fromEntries(unnamed.map(({ target }) => [target, {}])) } };
}

/** An entrypoint of the request drops the image's CMD; a command replaces it. @see Dockerfile reference, "Understand how CMD and ENTRYPOINT interact" */
function commandOf(
  request: ContainerRequest,
  image: RunConfig,
): { entrypoint: readonly string[]; command: readonly string[] } {
  if (request.entrypoint !== undefined) {
    return { entrypoint: request.entrypoint.filter((word) => word !== ""), command: request.command };
  }
  const command = request.command.length > 0 ? request.command : (image.Cmd ?? []);
  return { entrypoint: image.Entrypoint ?? [], command };
}

/** What the request sets, and after it what only the image sets: Docker's order. */
function envOf(requested: readonly string[], ofImage: readonly string[]): readonly string[] {
  const names = new Set(requested.map(nameOf));
  return [...mergeEnv(requested), ...ofImage.filter((line) => !names.has(nameOf(line)))];
}

/** Environments on top of each other: a later `NAME=value` takes the place of an earlier one of that name; a bare `NAME` removes it. */
export function mergeEnv(...environments: readonly (readonly string[])[]): readonly string[] {
  const merged = new Map<string, string>();
  for (const line of environments.flat()) {
    const name = nameOf(line);
    if (line.includes("=")) merged.set(name, line);
    else merged.delete(name);
  }
  return [...merged.values()];
}

const nameOf = (line: string): string => line.split("=", 1)[0] ?? line;
