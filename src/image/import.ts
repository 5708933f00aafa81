import { decompress } from "../archive/decompress.ts";
import { applyLayer } from "../archive/extract.ts";
import { layerWriters } from "../archive/layer-tar.ts";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { RunConfig } from "../oci/image-config.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import { creationTime } from "./creation-time.ts";
import { createImage, type Image, type ImageDeps } from "./images.ts";

/** What {@link importImage} takes beside the archive. */
export interface ImportOptions extends Operation {
  readonly reference?: Reference;
  readonly config?: RunConfig;
  /** Goes into the history; where the archive came from when absent. */
  readonly message?: string;
  /** Where the archive came from, as the history says it: `-`, a file's name, a URL. */
  readonly source?: string;
  /** What the files are for; this machine's when absent. */
  readonly platform?: Platform;
}

/**
 * Make an image of one layer from the archive of a root file system: a tar, plain or compressed.
 *
 * @throws {BerthError} invalid-argument, for another operating system than this one; when the archive is cut off, malformed or leads out of the root; the store is unchanged then
 */
export async function importImage(
  deps: ImageDeps,
  archive: AsyncIterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<Image> {
  const { signal, platform = hostPlatform } = options;
  if (platform.os !== hostPlatform.os) throw new BerthError("invalid-argument", "operating system is not supported");
  await using snapshot = await deps.snapshotter.prepare(`import-${randomID()}`, undefined);
  await applyLayer(decompress(archive), snapshot.upper, {
    syscalls: deps.host.syscalls,
    whiteouts: "plain",
    ...stoppedBy(signal),
  });
  const layer = await snapshot.commit({ ...options, writer: layerWriters.taken });
  const created = creationTime();
  const comment = options.message || `Imported from ${options.source ?? "-"}`;
  const { os, architecture, variant } = platform;
  const config = {
    architecture,
    comment,
    config: options.config ?? {},
    created,
    history: [{ created, comment }],
    os,
    rootfs: { type: "layers" as const, diff_ids: [layer.diffID] },
    ...(variant === undefined ? {} : { variant }),
  };
  return await createImage(deps, config, options.reference === undefined ? {} : { references: [options.reference] });
}
