import { isKind, messageOf } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Platform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { compileTemplate } from "./fill-template.ts";

/** Finds what a name means, in Docker's JSON. @throws {BerthError} not-found */
export type Finder = (engine: Engine, name: string) => Promise<object>;

/** A container by name. */
export const findContainer: Finder = async (engine, name) => {
  const { toContainerJSON } = await import("../../docker-api/container-json.ts");
  const container = await engine.containers.get(name);
  const layers = await engine.containers.layerPaths(container.id);
  return toContainerJSON(container, { layers, cgroups: engine.cgroups });
};

/** A container by name, with the size of its files. */
export const findSizedContainer: Finder = async (engine, name) => {
  const { toContainerJSON } = await import("../../docker-api/container-json.ts");
  const container = await engine.containers.get(name);
  const { containers } = engine;
  const [layers, size] = await Promise.all([containers.layerPaths(container.id), containers.size(container.id)]);
  return toContainerJSON(container, { layers, cgroups: engine.cgroups, size });
};

/** An image by name; of one for several platforms that for `platform`, or else for this machine. */
export const findImage = async (engine: Engine, name: string, platform?: Platform): Promise<object> => {
  const { toImageJSON } = await import("../../docker-api/image-json.ts");
  const image = engine.images.get(name, platform);
  const { images } = engine;
  return toImageJSON(image, images.layerPaths(image), images.lastTagged(image.id));
};

/** A network by name. */
export const findNetwork: Finder = async (engine, name) => {
  const { toNetworkJSON } = await import("../../docker-api/network-json.ts");
  const network = await engine.networks.get(name);
  const endpoints = engine.networks.allEndpoints();
  const members = (await engine.containers.list()).flatMap((container) =>
    (endpoints.get(container.id) ?? [])
      .filter(({ networkID }) => networkID === network.id)
      .map((endpoint) => ({ id: container.id, name: container.name, endpoint })),
  );
  return toNetworkJSON(network, members);
};

/** A volume by name. */
export const findVolume: Finder = async (engine, name) => {
  const { toVolumeJSON } = await import("../../docker-api/volume-json.ts");
  return toVolumeJSON(engine.volumes.get(name));
};

/** What the first of the finders finds that knows the name. @throws {CliError} in Docker's words, when none does */
export function firstOf(finders: readonly Finder[]): Finder {
  return async (engine, name) => {
    for (const find of finders) {
      try {
        return await find(engine, name);
      } catch (error) {
        if (!isKind(error, "not-found") && !isMalformedName(error)) throw error;
      }
    }
    throw new CliError(`Error: No such object: ${name}`);
  };
}

/** How {@link inspectObjects} looks and prints. */
export interface InspectOptions {
  readonly find: Finder;
  /** What `--format` says. */
  readonly format: string | undefined;
}

/** Print what the names mean, as one JSON list or by a template; what isn't found is told at the end. */
export async function inspectObjects(
  { engine, io }: { readonly engine: () => Promise<Engine>; readonly io: Terminal },
  names: readonly string[],
  { find, format = "" }: InspectOptions,
): Promise<number> {
  const isJSON = format === "" || format === "json";
  const show = isJSON ? undefined : compileTemplate(format);
  const found: object[] = [];
  const texts: string[] = [];
  const failures: unknown[] = [];
  const opened = await engine();
  for (const name of names) {
    try {
      const object = await find(opened, name);
      found.push(object);
      if (show !== undefined) texts.push(show(object));
    } catch (error) {
      failures.push(error);
    }
  }
  io.stdout.write(isJSON ? `${JSON.stringify(found, null, format === "" ? 4 : 0)}\n` : texts.join("") || "\n");
  if (failures.length > 0) throw new AggregateError(failures);
  return 0;
}

/** What is no name of an image may be one of something else; other faults of a name are told. */
function isMalformedName(error: unknown): boolean {
  return isKind(error, "invalid-argument") && messageOf(error).includes("invalid reference format");
}
