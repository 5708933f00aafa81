import { isKind } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { fillTemplate } from "./fill-template.ts";

/** Finds what a name means, in Docker's JSON. @throws {BerthError} not-found */
export type Finder = (engine: Engine, name: string) => Promise<object>;

/** A container by name. */
export const findContainer: Finder = async (engine, name) => {
  const { toContainerJSON } = await import("../../docker-api/container-json.ts");
  return toContainerJSON(await engine.containers.get(name));
};

/** An image by name. */
export const findImage: Finder = async (engine, name) => {
  const { toImageJSON } = await import("../../docker-api/image-json.ts");
  return toImageJSON(engine.images.get(name));
};

/** A container, or else an image. */
export const findAnything: Finder = async (engine, name) => {
  for (const find of [findContainer, findImage]) {
    try {
      return await find(engine, name);
    } catch (error) {
      if (!isKind(error, "not-found") && !isKind(error, "invalid-argument")) throw error;
    }
  }
  throw new CliError(`Error: No such object: ${name}`);
};

/** Print what the names mean, as one JSON list or by a template; what isn't found is told at the end. */
export async function inspectObjects(
  { engine, io }: { readonly engine: Engine; readonly io: Terminal },
  names: readonly string[],
  { find, format }: { readonly find: Finder; readonly format: string | undefined },
): Promise<number> {
  const found: object[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      found.push(await find(engine, name));
    } catch (error) {
      failures.push(error);
    }
  }
  if (format === undefined) io.stdout.write(`${JSON.stringify(found, null, 4)}\n`);
  else io.stdout.write(filled(format, found, failures).join("") || "\n");
  if (failures.length > 0) throw new AggregateError(failures);
  return 0;
}

/** What can't be filled in is told at the end too; a template that can't be read, at once. */
function filled(format: string, found: readonly object[], failures: unknown[]): readonly string[] {
  return found.flatMap((object) => {
    try {
      return [fillTemplate(format, object)];
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== 1) throw error;
      failures.push(error);
      return [];
    }
  });
}
