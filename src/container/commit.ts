import { readdir } from "node:fs/promises";
import { creationTime, latestTime } from "../image/creation-time.ts";
import { createImage, getImage, type Image, parseTag } from "../image/images.ts";
import type { RunConfig } from "../oci/image-config.ts";
import type { Container, ContainerConfig } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { findContainer } from "./records.ts";
import { wholeContainer } from "./whole.ts";

/** What `commit` adds to a container's file system. */
export interface CommitOptions {
  /** The name that the image gets; none when absent. */
  readonly name?: string;
  readonly author?: string;
  readonly message?: string;
  /** Changes the config that the container was made with; see `-c`. */
  readonly change?: (config: RunConfig) => RunConfig;
  /** Stop the processes while the file system is copied. */
  readonly pause: boolean;
}

/**
 * Make an image of a container: its base's layers, which are shared, and its own changes as one more.
 *
 * @throws {BerthError} not-found; invalid-argument, for a name that an image can't get
 */
export async function commitContainer(deps: ContainerDeps, id: string, options: CommitOptions): Promise<Image> {
  const references = options.name === undefined ? [] : [parseTag(options.name)];
  const container = await wholeContainer(deps, id);
  const snapshot = await deps.snapshotter.open(container.id, container.chainID);
  await using _pause = await paused(deps, container, options.pause);
  // A directory that only got a new time is no line of `diff`, and yet is part of the layer.
  const changed = (await readdir(snapshot.upper)).length > 0 || (await snapshot.changes()).length > 0;
  const layer = changed ? await snapshot.commitCopy(latestTime()) : undefined;
  // What was copied is whole only if nobody removed the container meanwhile: its record goes first.
  findContainer(deps, container.id);
  const base = getImage(deps, container.imageID);
  const created = creationTime();
  const { author, message } = options;
  const config = runConfigOf(container.config);
  return await createImage(
    deps,
    {
      architecture: base.config.architecture,
      ...(author ? { author } : {}),
      ...(message ? { comment: message } : {}),
      config: options.change?.(config) ?? config,
      created,
      history: [
        ...(base.config.history ?? []),
        {
          created,
          created_by: container.config.args.join(" "),
          ...(author ? { author } : {}),
          ...(message ? { comment: message } : {}),
          ...(layer === undefined ? { empty_layer: true } : {}),
        },
      ],
      os: base.config.os,
      ...(base.config.variant === undefined ? {} : { variant: base.config.variant }),
      rootfs: {
        type: "layers",
        diff_ids: [...base.config.rootfs.diff_ids, ...(layer === undefined ? [] : [layer.diffID])],
      },
    },
    { parent: base.id, references },
  );
}

/** What an image can hold of a container's config. */
function runConfigOf({ args: _args, hostname: _hostname, mounts: _mounts, ...config }: ContainerConfig): RunConfig {
  return config;
}

async function paused(deps: ContainerDeps, { id, state }: Container, pause: boolean): Promise<AsyncDisposable> {
  if (!pause || state.status !== "running") return { [Symbol.asyncDispose]: async () => undefined };
  await deps.runtime.pause(id);
  return { [Symbol.asyncDispose]: () => deps.runtime.resume(id) };
}
