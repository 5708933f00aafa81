import { BerthError } from "../base/errors.ts";
import { bringIn, fetchConfig, planArrival } from "../image/arrival.ts";
import { imageIn } from "../image/remote-image.ts";
import { chainIDs } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { BaseDeps, BaseOptions } from "./base-image.ts";
import { parseLayout } from "./layout-reference.ts";
import { internalStep } from "./progress.ts";
import type { BaseImage } from "./resolve-stages.ts";

/**
 * The image of a layout that stands for a base. It comes into the store, without a name, when a step needs it.
 *
 * @throws {BerthError} not-found, where the layout or the image isn't there, or not for the platform
 */
export async function resolveLayout(
  deps: BaseDeps,
  { name, platform }: { readonly name: string; readonly platform: Platform | undefined },
  options: BaseOptions,
): Promise<BaseImage> {
  return await internalStep(options, `[internal] load metadata for ${name}`, async () => {
    try {
      const pull = await deps.openPull();
      const { reader, root } = options.keep(await deps.openLayout(parseLayout(name)));
      const source = { db: pull.db, repository: reader, operation: options };
      const image = await imageIn(source, root, platform);
      const { bytes: configBytes, parsed: config } = await fetchConfig(pull, { reader, image }, options);
      const { digest } = root.descriptor;
      const { layers, config: described } = image.parts;
      const id = described.digest;
      options.onPull({
        ...{ name, id, digest, config, configBytes, layers },
        plan: (operation) => planArrival(pull, { reader, image }, operation),
        pull: async (operation) => {
          const isNew = await bringIn(pull, { names: {}, reader, images: [image] }, operation);
          return { reference: name, id, digest, isNew };
        },
      });
      return { id, config, name, chainID: chainIDs(config.rootfs.diff_ids).at(-1) };
    } catch (error) {
      if (!(error instanceof BerthError) || error.kind === "canceled") throw error;
      const message = `oci-layout reference ${JSON.stringify(name)} could not be resolved: ${error.message}`;
      throw new BerthError(error.kind, message, {
        cause: error,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      });
    }
  });
}
