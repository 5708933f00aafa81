import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { berthCommand, homeOfTests } from "../support/berth.ts";
import { baseArchives } from "../support/images.ts";
import { type Outcome, runProgram, startProgram } from "../support/program.ts";
import { type BadEnd, type CaseOutcome, endOf, type Kind } from "./score.ts";

/** Where the cases lie in a checkout: beside the project. */
export const corpusDirectory: string = join(import.meta.dirname, "../../../shared/dockerfiles");

/** Seconds that one command of berth may take; the driver's own limit comes after it. */
const commandLimit = 300;

/** What is run, and how. */
export interface CorpusOptions {
  /** Holds `cases.tar.gz`, `golden.tar.gz`, `mk-images.sh` and `run.py`. */
  readonly directory: string;
  /** Builds at the same time. */
  readonly jobs: number;
  /** Picks names of cases out of all that can be run. */
  readonly select?: (names: readonly string[]) => readonly string[];
  /** Called after each case. */
  readonly onCase?: (done: number, all: number) => void;
  readonly signal?: AbortSignal;
}

/** What the cases came to. */
export interface CorpusRun {
  readonly outcomes: readonly CaseOutcome[];
  /** Cases that were not run, since Docker too takes longer than any limit for them. */
  readonly endless: readonly string[];
}

/** Why the cases can't be run from a directory; undefined when they can. */
export function missingCorpus(directory: string): string | undefined {
  if (!existsSync(join(directory, "run.py"))) return `no Dockerfile corpus in ${directory}`;
  return process.getuid?.() === 0 ? undefined : "the Dockerfile corpus needs root";
}

/**
 * Run the corpus's own driver on `bin/berth`, with a store and scratch place that are gone afterwards.
 * Call `enterPrivateNetwork` before, so that the cases reach nothing and leave no bridge.
 *
 * @throws when the driver itself fails
 */
export async function runCorpus(options: CorpusOptions): Promise<CorpusRun> {
  await using scratch = await mkdtempDisposable(join(tmpdir(), "berth-corpus-"));
  const place = new CorpusPlace(scratch.path, options);
  await place.prepare();
  return await place.run();
}

interface Golden {
  readonly status: "ok" | "fail" | "timeout";
  graded: boolean;
}

/** What the driver writes, as far as it is read here. */
interface DriverResult {
  readonly cases: Readonly<Record<string, { readonly result: string; readonly messages: readonly string[] }>>;
}

class CorpusPlace {
  readonly #path: string;
  readonly #options: CorpusOptions;
  readonly #env: Readonly<Record<string, string>>;
  readonly #kinds: Map<string, Kind> = new Map();
  readonly #endless: string[] = [];

  constructor(path: string, options: CorpusOptions) {
    this.#path = path;
    this.#options = options;
    this.#env = {
      ...homeOfTests(path),
      BERTH_ROOT: join(path, "root"),
      BERTH_RUN_ROOT: join(path, "run"),
      // A bug is told from a refusal by its stack.
      BERTH_DEBUG: "1",
      CORPUS_BERTH: berthCommand,
      CORPUS_NOTES: this.#notes,
      CORPUS_TIMEOUT: String(commandLimit),
    };
  }

  /** Unpack the cases and make the images that they build on. */
  async prepare(): Promise<void> {
    for (const directory of [this.#notes, join(this.#path, "images")]) mkdirSync(directory);
    await this.#unpack("cases", "--xattrs", "--xattrs-include=*", "--numeric-owner");
    await this.#unpack("golden");
    for (const name of readdirSync(join(this.#path, "cases")).sort()) this.#sort(name);
    const env = { ...this.#env, OUT: "images", DEBTAR: baseArchives().debian, DOCKER: berthCommand };
    checked("mk-images.sh", await this.#program("bash", [this.#file("mk-images.sh")], env));
  }

  async run(): Promise<CorpusRun> {
    const { select = (all) => all, jobs, onCase, signal } = this.#options;
    const names = select([...this.#kinds.keys()]);
    writeFileSync(join(this.#path, "list"), names.join("\n"));
    const limits = ["--timeout", String(commandLimit + 10), "-j", String(jobs)];
    const args = [this.#file("run.py"), ...limits, "--list-file", "list", "--out", "result.json"];
    const driver = startProgram("python3", [...args, join(import.meta.dirname, "engine")], {
      cwd: this.#path,
      env: this.#env,
    });
    const stop = (): void => void driver.kill();
    signal?.addEventListener("abort", stop);
    let done = 0;
    let errors = "";
    if (driver.stdout)
      createInterface(driver.stdout).on("line", (line) => /^(PASS|FAIL)/.test(line) && onCase?.(++done, names.length));
    driver.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    await once(driver, "close");
    signal?.removeEventListener("abort", stop);
    signal?.throwIfAborted();
    const result = join(this.#path, "result.json");
    if (!existsSync(result)) throw new Error(`run.py failed: ${errors}`);
    return {
      outcomes: this.#outcomes(JSON.parse(readFileSync(result, "utf8")) as DriverResult),
      endless: select(this.#endless),
    };
  }

  /** See what a case is graded by. What isn't graded is run all the same: nothing may crash berth. */
  #sort(name: string): void {
    const path = join(this.#path, "golden", `${name}.json`);
    const golden = JSON.parse(readFileSync(path, "utf8")) as Golden;
    if (golden.status === "timeout") this.#endless.push(name);
    else if (golden.graded) this.#kinds.set(name, golden.status === "ok" ? "must-build" : "must-fail");
    else {
      this.#kinds.set(name, "ungraded");
      writeFileSync(path, JSON.stringify({ ...golden, graded: true }));
    }
  }

  #outcomes({ cases }: DriverResult): readonly CaseOutcome[] {
    const ends = this.#badEnds();
    return Object.entries(cases).map(([name, { result, messages }]) => {
      const end = ends.get(name);
      return {
        name,
        kind: this.#kinds.get(name) ?? "ungraded",
        result,
        why: messages.join("; ").replaceAll(this.#path, "").replace(/\s+/g, " ").slice(0, 240),
        ...(end === undefined ? {} : { end }),
      };
    });
  }

  #badEnds(): ReadonlyMap<string, BadEnd> {
    const ends = new Map<string, BadEnd>();
    for (const file of readdirSync(this.#notes)) {
      const note = readFileSync(join(this.#notes, file), "utf8");
      const [, name] = /^.*\bdfc-(\S+):t\b/.exec(note) ?? [];
      const end = endOf(Number(file.split(".").at(-1)), note);
      if (name !== undefined && end !== undefined) ends.set(name, end);
    }
    return ends;
  }

  async #unpack(name: string, ...options: readonly string[]): Promise<void> {
    const args = [...options, "-xzf", this.#file(`${name}.tar.gz`), `--one-top-level=${name}`];
    checked(`${name}.tar.gz`, await this.#program("tar", args));
  }

  #program(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    return runProgram(program, args, { cwd: this.#path, env });
  }

  #file(name: string): string {
    return join(this.#options.directory, name);
  }

  get #notes(): string {
    return join(this.#path, "notes");
  }
}

function checked(what: string, { code, stderr }: Outcome): void {
  if (code !== 0) throw new Error(`${what}: ${stderr}`);
}
