import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type Berth, berthCommand } from "../support/berth.ts";
import { runProgram } from "../support/program.ts";

/** What a command took. */
export interface Cost {
  readonly command: string;
  readonly seconds: number;
  /** The most memory that one of its processes took, MiB; undefined where several commands ran at once. @see wait4(2), ru_maxrss */
  readonly mebibytes: number | undefined;
}

/** Runs commands, and keeps what they took. */
class Meter {
  readonly costs: Cost[] = [];
  readonly #berth: Berth;

  constructor(berth: Berth) {
    this.#berth = berth;
  }

  /** @returns what the command printed @throws when it fails */
  async run(args: readonly string[], input?: Buffer): Promise<string> {
    const { directory: cwd, env } = this.#berth;
    const measured = ["--output", join(cwd, "cost"), "--format", "%e %M", berthCommand, ...args];
    const start = { cwd, env, ...(input === undefined ? {} : { input }) };
    const { code, stdout, stderr } = await runProgram("/usr/bin/time", measured, start);
    if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}: ${stderr}`);
    const { stdout: cost } = await runProgram("tail", ["-n", "1", join(cwd, "cost")]);
    const [seconds = 0, kibibytes = 0] = cost.trim().split(" ").map(Number);
    const words = args[0] === "image" || args[0] === "system" ? 2 : 1;
    this.costs.push({ command: args.slice(0, words).join(" "), seconds, mebibytes: Math.round(kibibytes / 1024) });
    return stdout.replace(/\n$/, "");
  }

  /** Run a command whose answer is known. */
  async expect(wanted: string, args: readonly string[]): Promise<void> {
    const said = await this.run(args);
    if (said !== wanted) throw new Error(`berth ${args.join(" ")} printed ${JSON.stringify(said.slice(0, 200))}`);
  }
}

const offline = ["--network", "none"];

/**
 * Take one directory of `count` empty files, and as many new ones, through every verb of images, from one store to another.
 *
 * @param berth has the image `busybox`
 * @throws when something isn't right
 */
export async function manyFiles(berth: Berth, other: Berth, count: number): Promise<readonly Cost[]> {
  const files = join(berth.directory, "context/files");
  mkdirSync(files, { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(files, `file-${i}`), "");
  writeFileSync(join(files, "../Dockerfile"), "FROM busybox\nCOPY files /files\n");
  await done("tar", ["-C", join(berth.directory, "context"), "-cf", join(berth.directory, "files.tar"), "files"]);
  const meter = new Meter(berth);
  await meter.run(["import", "files.tar", "imported"]);
  await meter.run(["build", "-q", "-t", "built", "context"]);
  await meter.run(["run", ...offline, "--name", "more", "built", "cp", "-r", "/files", "/more"]);
  const lines = (await meter.run(["diff", "more"])).split("\n");
  if (lines.length !== count + 1) throw new Error(`diff has ${lines.length} lines`);
  await meter.run(["commit", "more", "committed"]);
  await meter.run(["save", "-o", "saved.tar", "committed", "imported"]);
  const there = new Meter(other);
  await there.run(["load", "-q", "-i", join(berth.directory, "saved.tar")]);
  const counted = "ls /files | wc -l; ls /more | wc -l";
  await there.expect(`${count}\n${count}`, ["run", "--rm", ...offline, "committed", "sh", "-c", counted]);
  await there.expect(await meter.run(["images", "-q", "committed"]), ["images", "-q", "committed"]);
  await there.run(["image", "diff", "imported", "committed"]);
  await there.run(["image", "explore", "--plain", "imported"]);
  await there.run(["system", "check"]);
  await there.run(["rmi", "committed", "imported"]);
  return [...meter.costs, ...there.costs].filter(({ command }) => command !== "images");
}

/**
 * Take a file of `size` bytes, all but the ends of it a hole, through every verb of images, from one store to another.
 *
 * @param berth has the image `busybox`
 * @throws when something isn't right
 */
export async function bigFile(berth: Berth, other: Berth, size: number): Promise<readonly Cost[]> {
  const context = join(berth.directory, "context");
  mkdirSync(context, { recursive: true });
  sparseFile(join(context, "big"), size);
  writeFileSync(join(context, "Dockerfile"), "FROM busybox\nCOPY big /copied\n");
  await done("tar", ["-C", context, "--sparse", "--format=posix", "-cf", join(berth.directory, "big.tar"), "big"]);
  const meter = new Meter(berth);
  await meter.run(["import", "big.tar", "imported"]);
  await meter.expect(String(size), ["image", "inspect", "-f", "{{.Size}}", "imported"]);
  await meter.run(["build", "-q", "-t", "built", "context"]);
  const look = (path: string): string => `stat -c %s ${path}; head -c 5 ${path}; tail -c 3 ${path}`;
  const grow = `truncate -s ${size - 3} /new; printf end >> /new; printf begin | dd of=/new conv=notrunc 2>/dev/null`;
  const looked = `${size}\nbeginend`;
  await meter.expect(looked, ["run", ...offline, "--name", "new", "built", "sh", "-c", `${grow}; ${look("/copied")}`]);
  await meter.expect("A /new", ["diff", "new"]);
  await meter.run(["commit", "new", "committed"]);
  // An archive of that size isn't kept: it goes from one to the other.
  const carry = `exec 3>&1; "$0" save committed | BERTH_ROOT="$1" BERTH_RUN_ROOT="$2" "$0" load -q`;
  const places = [other.env["BERTH_ROOT"] ?? "", other.env["BERTH_RUN_ROOT"] ?? ""];
  const started = performance.now();
  await done("bash", ["-o", "pipefail", "-c", carry, berthCommand, ...places], berth.env);
  const carried = { command: "save and load", seconds: (performance.now() - started) / 1000, mebibytes: undefined };
  const there = new Meter(other);
  await there.expect(looked, ["run", "--rm", ...offline, "committed", "sh", "-c", look("/new")]);
  await there.expect(looked, ["run", "--rm", ...offline, "committed", "sh", "-c", look("/copied")]);
  await there.run(["system", "check"]);
  return [...meter.costs, carried, ...there.costs];
}

/** `begin`, a hole, and `end`. */
function sparseFile(path: string, size: number): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  writeSync(file, "begin", 0);
  writeSync(file, "end", size - 3);
  closeSync(file);
}

async function done(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { code, stderr } = await runProgram(program, args, { env });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr}`);
}
