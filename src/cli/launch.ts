import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { constants, Script } from "node:vm";

/** The file name of the bundled command, beside this one: an expression, a function of what a module is given. */
declare const BERTH_COMMAND: string;

/** Modules of Node's that take a millisecond or more to load; most commands use few of them. */
const lateModules = new Set(
  ["child_process", "crypto", "fs/promises", "http", "https", "net", "readline/promises", "worker_threads", "zlib"].map(
    (name) => `node:${name}`,
  ),
);
/** What V8 compiled is kept again after so many runs of a verb: later ones call what earlier ones didn't. */
const runsToLearn = 4;
/** Bytes before V8's own: how many runs taught it, and from the fourth on the checksum of V8's. */
const headerSize = 8;
/** Words of 4 bytes from one that the checksum counts to the next: some of each sector of a disk. */
const checksumStep = 32;

/**
 * Start the command with the code that V8 made of it in earlier runs of the same verb.
 *
 * Node's own compile cache has only what is compiled while a file is loaded, and the functions that run are compiled
 * each time (docs/decisions/0007).
 */
function launch(): void {
  const filename = join(import.meta.dirname, BERTH_COMMAND);
  const kept = join(import.meta.dirname, "compile-cache", `${BERTH_COMMAND}-${verb(process.argv[2])}`);
  const [runs, cachedData] = readKept(kept);
  const script = new Script(readFileSync(filename, "latin1"), {
    filename,
    ...(cachedData === undefined ? {} : { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const learned = script.cachedDataRejected === true ? 0 : runs;
  if (learned < runsToLearn) {
    process.on("exit", (code) => {
      if (code === 0) keep(kept, learned + 1, script.createCachedData());
    });
  }
  script.runInThisContext()(requireLate, filename, import.meta.dirname);
}

/** A module as `require` gives it; a late one is loaded when something of it is used. */
function requireLate(id: string): unknown {
  if (!lateModules.has(id)) return require(id);
  return new Proxy({}, { get: (_, name) => Reflect.get(require(id), name) });
}

/** Verbs are few; whatever else comes first shares one file. */
function verb(argument: string | undefined): string {
  return argument !== undefined && /^[a-z][a-z-]{0,19}$/.test(argument) ? argument : "other";
}

function readKept(path: string): [runs: number, cachedData?: Buffer] {
  try {
    const kept = readFileSync(path);
    const cachedData = kept.subarray(headerSize);
    if (kept.readInt32LE(4) === checksum(cachedData)) return [kept[0] ?? 0, cachedData];
  } catch {
    // Nothing was kept, or in a place of somebody else's: V8 compiles it then.
  }
  return [0];
}

/** Whole or not at all, also when the power fails: V8 believes what it is given. */
function keep(path: string, runs: number, cachedData: Buffer): void {
  const header = Buffer.alloc(headerSize);
  header[0] = runs;
  header.writeInt32LE(checksum(cachedData), 4);
  const whole = `${path}.${process.pid}`;
  try {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(whole, Buffer.concat([header, cachedData]), { flag: "wx", flush: true });
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
