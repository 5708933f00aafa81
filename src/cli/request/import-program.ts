import { existsSync } from "node:fs";
import { createRequire, type RegisterHooksOptions, registerHooks } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BerthError, messageOf } from "../../base/errors.ts";
import { changeTime } from "../../build/watch-files.ts";

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
  return await new Program(path).load();
}

/** A program of the user that can be run anew, with the files that it imports: all but installed packages. */
export class Program {
  readonly #path: string;
  readonly #library = pathToFileURL(libraryPath()).href;
  readonly #sources = new Map<string, number>();
  /** Modules are kept by their address: each time they have another one. */
  #loads = 0;

  constructor(path: string) {
    this.#path = path;
    registerHooks({ resolve: (...asked) => this.#resolve(...asked) });
  }

  /**
   * The files that were read when it was loaded last, itself among them, also where that failed: absolute paths, each with the time
   * of its last change as it was then ({@link changeTime}).
   */
  get sources(): ReadonlyMap<string, number> {
    return this.#sources;
  }

  /** Run it. @returns what it exports @throws {BerthError} invalid-argument, when it can't be loaded */
  async load(): Promise<Readonly<Record<string, unknown>>> {
    this.#forget();
    const path = resolve(this.#path);
    this.#add(path);
    try {
      return await import(this.#versioned(pathToFileURL(path).href));
    } catch (error) {
      throw new BerthError("invalid-argument", `failed to load ${this.#path}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Modules that are read by `require` know no addresses, only paths. */
  #forget(): void {
    const { cache } = createRequire(this.#library);
    for (const path of this.#sources.keys()) delete cache[path];
    this.#sources.clear();
    this.#loads += 1;
  }

  #resolve(...[specifier, context, next]: Parameters<NonNullable<RegisterHooksOptions["resolve"]>>) {
    if (specifier === libraryName) return { url: this.#library, shortCircuit: true };
    if (context.parentURL === undefined || !this.#sources.has(pathOf(context.parentURL) ?? ""))
      return next(specifier, context);
    // What isn't there is waited for.
    if (/^[./]/.test(specifier)) this.#add(pathOf(new URL(specifier, context.parentURL).href));
    const found = next(specifier, context);
    const path = pathOf(found.url);
    if (path === undefined || path.includes("/node_modules/")) return found;
    this.#add(path);
    return context.conditions.includes("require") ? found : { ...found, url: this.#versioned(found.url) };
  }

  #add(path: string | undefined): void {
    if (path !== undefined && !this.#sources.has(path)) this.#sources.set(path, changeTime(path));
  }

  #versioned(url: string): string {
    return this.#loads === 1 ? url : `${url}?${this.#loads}`;
  }
}

function pathOf(url: string): string | undefined {
  return url.startsWith("file:") ? fileURLToPath(url) : undefined;
}

/** `dist/index.js` of the package that this command is part of. */
function libraryPath(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const path = join(directory, "dist", "index.js");
    if (existsSync(path) || directory === "/") return path;
  }
}
