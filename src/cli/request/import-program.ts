import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { BerthError, messageOf } from "../../base/errors.ts";

/** The name that programs import this library by. */
const libraryName = "berth-engine";

/** True for the name of a program; `Dockerfile.js` is a Dockerfile for something of that name. */
export function isProgram(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file) && !/^dockerfile\./i.test(basename(file));
}

/**
 * Run a program of the user, TypeScript or JavaScript, and give what it exports. Its `berth-engine` is the library of this command,
 * installed or not.
 *
 * @throws {BerthError} invalid-argument, when it can't be loaded
 */
export async function importProgram(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const library = pathToFileURL(libraryPath()).href;
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === libraryName ? { url: library, shortCircuit: true } : next(specifier, context),
    });
    return await import(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new BerthError("invalid-argument", `failed to load ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** `dist/index.js` of the package that this command is part of. */
function libraryPath(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const path = join(directory, "dist", "index.js");
    if (existsSync(path) || directory === "/") return path;
  }
}
