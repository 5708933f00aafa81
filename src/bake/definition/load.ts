import { BerthError } from "../../base/errors.ts";
import { bakeLimits } from "../limits.ts";
import type { Surroundings } from "./globals.ts";
import { type BakeFile, isComposeName, parseBakeFile } from "./parse-file.ts";
import { type Resolved, resolveBodies } from "./resolve.ts";
import { type Config, type Group, mergeTargets, type Target } from "./target.ts";

/** Reads files of compose's kind; loaded only where there are some. */
export type ComposeLoader = (files: readonly BakeFile[], surroundings: Surroundings) => Promise<Config>;

/**
 * Read the files of a definition together.
 *
 * @throws {HclError} with a place; {BerthError} invalid-argument for what is too large or no definition
 */
export async function loadDefinition(
  files: readonly BakeFile[],
  surroundings: Surroundings,
  { compose, configs }: { readonly compose: ComposeLoader; readonly configs: readonly Config[] },
): Promise<Resolved> {
  const size = files.reduce((sum, { text }) => sum + text.length, 0);
  if (size > bakeLimits.bytes)
    throw new BerthError("invalid-argument", `a bake definition has at most ${bakeLimits.bytes} bytes`);
  const isCompose = await Promise.all(files.map((file) => isComposeFile(file, surroundings, compose)));
  const composed = files.filter((_, index) => isCompose[index]);
  const bases = [...(composed.length === 0 ? [] : [await compose(composed, surroundings)]), ...configs];
  try {
    const bodies = files.filter((_, index) => !isCompose[index]).map(parseBakeFile);
    return mergeConfigs(bases, resolveBodies(bodies, surroundings));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new BerthError("invalid-argument", "the bake definition is nested too deeply", { cause: error });
  }
}

async function isComposeFile(file: BakeFile, surroundings: Surroundings, compose: ComposeLoader): Promise<boolean> {
  const byName = isComposeName(file.name);
  if (byName !== undefined) return byName;
  try {
    await compose([file], surroundings);
    return true;
  } catch {
    return false;
  }
}

/** Files of compose's kind come first, whatever their order. */
function mergeConfigs(bases: readonly Config[], over: Resolved): Resolved {
  const targets = new Map<string, Target>();
  const groups = new Map<string, Group>();
  for (const config of [...bases, over]) {
    for (const target of config.targets) {
      const known = targets.get(target.name);
      targets.set(target.name, known === undefined ? target : mergeTargets(known, target));
    }
    for (const group of config.groups) groups.set(group.name, group);
  }
  return { ...over, targets: [...targets.values()], groups: [...groups.values()] };
}
