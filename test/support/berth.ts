import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { bridgeName } from "../../src/network/bridge.ts";
import { baseArchives } from "./images.ts";
import { type Outcome, runProgram, type Start, startProgram } from "./program.ts";

/** The berth command with a store, run state and scratch directory of its own. */
export interface Berth extends AsyncDisposable {
  /** The scratch directory: where the command runs, unless told otherwise. */
  readonly directory: string;
  /** What names the command's places to programs that start it themselves. */
  readonly env: Readonly<Record<string, string>>;
  /** Run the command to its end. */
  readonly run: (args: readonly string[], start?: Start) => Promise<Outcome>;
  /** Run the command, and give its stdout without the last line end. @throws with what it printed when it fails */
  readonly out: (args: readonly string[], start?: Start) => Promise<string>;
  /** Start the command with pipes. */
  readonly start: (args: readonly string[], start?: Start) => ChildProcess;
  /** Write files below the scratch directory, and give the path of the directory that holds them. */
  readonly files: (directory: string, files: Readonly<Record<string, string>>) => Promise<string>;
}

/** Where the command is. */
export const berthCommand: string = join(import.meta.dirname, "../../bin/berth");

/**
 * Make a home of its own for commands that a test starts, and give the variables that name it: nobody's credentials are read,
 * and no public registry is looked up.
 */
export function homeOfTests(directory: string): Readonly<Record<string, string>> {
  const home = join(directory, "home");
  mkdirSync(home);
  const settings = join(home, "engine.json");
  writeFileSync(settings, JSON.stringify({ registries: { "docker.io": { blocked: true } } }));
  return {
    BERTH_CONFIG_FILE: settings,
    HOME: home,
    DOCKER_CONFIG: join(home, ".docker"),
    REGISTRY_AUTH_FILE: join(home, "auth.json"),
  };
}

/** Set up the command with empty places. Disposing removes its containers, files, bridge and firewall table. */
export function openBerth(): Berth {
  const directory = mkdtempSync(join(tmpdir(), "berth-test-"));
  const places = { root: join(directory, "root"), runRoot: join(directory, "run") };
  const env = { BERTH_ROOT: places.root, BERTH_RUN_ROOT: places.runRoot, ...homeOfTests(directory) };
  const started = (start: Start): Start => ({ cwd: directory, ...start, env: { ...env, ...start.env } });
  const run: Berth["run"] = (args, start = {}) => runProgram(berthCommand, args, started(start));
  const out: Berth["out"] = async (args, start) => {
    const { code, stdout, stderr } = await run(args, start);
    if (code !== 0) throw new Error(`berth ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, "");
  };
  return {
    directory,
    env,
    run,
    out,
    start: (args, start = {}) => startProgram(berthCommand, args, started(start)),
    files: async (name, files) => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(directory, name, path)), { recursive: true });
        writeFileSync(join(directory, name, path), text);
      }
      return join(directory, name);
    },
    async [Symbol.asyncDispose]() {
      const containers = (await out(["ps", "-aq"])).split("\n").filter((id) => id !== "");
      if (containers.length > 0) await out(["rm", "-f", ...containers]);
      await removeNetwork(bridgeName(places));
      rmSync(directory, { recursive: true });
    },
  };
}

/** The same, with the image `busybox:latest`. */
export async function openBerthWithBusybox(): Promise<Berth> {
  const berth = openBerth();
  await berth.out(["import", "--change", 'CMD ["sh"]', baseArchives().busybox, "busybox"]);
  return berth;
}

/** The bridge and the firewall table bear one name; a command that used no network made neither. */
async function removeNetwork(name: string): Promise<void> {
  await runProgram("ip", ["link", "delete", name]);
  await runProgram("nft", ["delete", "table", "ip", name]);
}
