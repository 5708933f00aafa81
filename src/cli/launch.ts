import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { constants, Script } from "node:vm";

/** The file of the command's modules, beside this one: an expression, the text of a string. */
declare const BERTH_COMMAND: string;
/** Where each module's text lies in it, {@link Places} as JSON: an expression, the text of a string. */
declare const BERTH_MODULES: string;

/** A module of the command's: sets its exports. */
type Module = (exports: object, require: (id: string) => unknown, filename: string, dirname: string) => void;
/** By a module's name its first byte and how many there are. */
type Places = Readonly<Record<string, readonly [at: number, length: number]>>;

/** What earlier runs of a verb left. */
interface Kept {
  /** How many runs taught V8 what `code` has. */
  readonly runs: number;
  /** The text of the modules that they needed. */
  readonly text: string;
  /** What V8 compiled of it; absent where that has yet to be seen. */
  readonly code?: Buffer;
}

/** Modules of Node's that take a millisecond or more to load; most commands use few of them. */
const lateModules = new Set(
  [
    "child_process",
    "crypto",
    "fs/promises",
    "http",
    "https",
    "module",
    "net",
    "readline/promises",
    "stream",
    "stream/promises",
    "worker_threads",
    "zlib",
  ].map((name) => `node:${name}`),
);
/** What V8 compiled is kept again after so many runs of a verb: later ones call what earlier ones didn't. */
const runsToLearn = 4;
/** Before V8's bytes, which have to lie at a multiple of 8: runs, the checksum of the rest, the length of V8's bytes. Bytes. */
const headerSize = 16;
/** Words of 4 bytes from one that the checksum counts to the next: one of each sector of a disk. */
const checksumStep = 128;

const filename = join(import.meta.dirname, BERTH_COMMAND);

/**
 * Start the command with the modules that earlier runs of the same verb needed, and the code that V8 made of them then.
 *
 * Node's own compile cache has only what is compiled while a file is loaded, and the functions that run are compiled
 * each time; a text that isn't needed is read and copied all the same (docs/decisions/0007).
 */
function launch(): void {
  const path = join(import.meta.dirname, "compile-cache", `${BERTH_COMMAND}-${verb(process.argv[2])}`);
  const kept = readKept(path);
  const script = compile(kept.text, kept.code);
  const modules: Record<string, Module> = script.runInThisContext();
  let isMissing = false;
  process.on("exit", (code) => {
    if (code !== 0) return;
    // A function gives the text that it was made of.
    if (isMissing) keep(path, { runs: 0, text: textOf(Object.values(modules).map(String)) });
    else learn(path, kept, script);
  });
  const moduleOf = (id: string): Module => {
    if (modules[id] === undefined) {
      isMissing = true;
      Object.assign(modules, compile(textOf([readModule(id)])).runInThisContext());
    }
    const module = modules[id];
    if (module === undefined) throw new Error(`${filename} has no module ${id}`);
    return module;
  };
  const made = new Map<string, object>();
  const requireModule = (id: string): unknown => {
    if (!id.startsWith("./")) return requireLate(id);
    const there = made.get(id);
    if (there !== undefined) return there;
    const exports = {};
    made.set(id, exports);
    moduleOf(id)(exports, requireModule, filename, import.meta.dirname);
    return exports;
  };
  requireModule("./main");
}

/** Keep what V8 has compiled by the end of a run, until enough of them taught it. */
function learn(path: string, { runs, text, code }: Kept, script: Script): void {
  const learned = code === undefined || script.cachedDataRejected === true ? 0 : runs;
  if (learned < runsToLearn) keep(path, { runs: learned + 1, text, code: script.createCachedData() });
}

/** A script whose value is an object of modules. */
function textOf(modules: readonly string[]): string {
  return `"use strict";\n({\n__proto__: null,\n${modules.join(",\n")}\n})`;
}

function compile(text: string, cachedData?: Buffer): Script {
  return new Script(text, {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
}

/** A module as `require` gives it; a late one is loaded when something of it is used. */
function requireLate(id: string): unknown {
  if (!lateModules.has(id)) return require(id);
  return new Proxy({}, { get: (_, name) => Reflect.get(require(id), name) });
}

let places: Places | undefined;

/** The text of a module in the command's file. */
function readModule(id: string): string {
  places ??= JSON.parse(BERTH_MODULES) as Places;
  const [at, length] = places[id] ?? [0, 0];
  const fd = openSync(filename, "r");
  try {
    const text = Buffer.allocUnsafe(length);
    if (readSync(fd, text, 0, length, at) < length) throw new Error(`${filename} is cut short: set berth up again`);
    return text.toString("latin1");
  } finally {
    closeSync(fd);
  }
}

/** Verbs are few; whatever else comes first shares one file. */
function verb(argument: string | undefined): string {
  return argument !== undefined && /^[a-z][a-z-]{0,19}$/.test(argument) ? argument : "other";
}

function readKept(path: string): Kept {
  try {
    const kept = readFileSync(path);
    if (kept.readInt32LE(4) === checksum(kept.subarray(8))) {
      const text = headerSize + kept.readUInt32LE(8);
      return {
        runs: kept.readUInt32LE(0),
        text: kept.toString("latin1", text),
        ...(text > headerSize ? { code: kept.subarray(headerSize, text) } : {}),
      };
    }
  } catch {
    // Nothing was kept, or in a place of somebody else's: V8 compiles it then.
  }
  return { runs: 0, text: textOf([]) };
}

/** Whole or not at all, also when the power fails: V8 believes what it is given. */
function keep(path: string, { runs, text, code = Buffer.alloc(0) }: Kept): void {
  const kept = Buffer.concat([Buffer.alloc(headerSize), code, Buffer.from(text, "latin1")]);
  kept.writeUInt32LE(runs, 0);
  kept.writeUInt32LE(code.length, 8);
  kept.writeInt32LE(checksum(kept.subarray(8)), 4);
  const whole = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(whole, kept, { flag: "wx", flush: true });
    renameSync(whole, path);
  } catch {
    // In a directory of somebody else's, or on a full disk, nothing is kept, and nothing depends on it.
    if (existsSync(whole)) rmSync(whole, { force: true });
  }
}

/** Finds a sector that was lost, in a hundredth of the time that all bytes take. */
function checksum(bytes: Buffer): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  let sum = bytes.length;
  for (let word = 0; word < words.length; word += checksumStep) sum = (Math.imul(sum, 31) + (words[word] ?? 0)) | 0;
  return sum;
}

launch();
