import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { baseArchives } from "./images.ts";
import { type Outcome, runProgram, type Start } from "./program.ts";

/** Debian's releases that have a Docker: bookworm's 20.10 is installed, trixie's 26.1 and forky's 28.5 are fetched. */
export type DebianRelease = "bookworm" | "trixie" | "forky";

/**
 * Where the programs of a release's Docker are: below `usr` of this directory. They are fetched where they aren't here, so call
 * this before `enterPrivateNetwork`.
 */
export function dockerOf(release: DebianRelease): string | NoDocker {
  if (release === "bookworm") return "/";
  const script = join(import.meta.dirname, "../../scripts/newer-docker");
  const { status, stdout, stderr } = spawnSync(script, [release], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : { reason: stderr.trim() };
}

/** A Docker of its own: daemon, store and socket in a scratch directory, in this process's network namespace. */
export interface Docker extends AsyncDisposable {
  /** `Docker version …`, the client's. */
  readonly version: string;
  /** What names it to another client. */
  readonly env: Readonly<Record<string, string>>;
  /** Run `docker` to its end, with BuildKit as the builder. */
  readonly run: (args: readonly string[], start?: Start) => Promise<Outcome>;
}

/** Why there is no Docker here. */
export interface NoDocker {
  readonly reason: string;
}

/**
 * Start Debian's Docker with the image `busybox:latest`. Call `enterPrivateNetwork` before: a Docker rewrites the firewall.
 * A machine that has none, or where it doesn't start within two minutes, gives the reason.
 *
 * @param flags of the daemon
 * @param programs as `dockerOf` has them; this machine's own, also where another Docker's command comes first in PATH
 */
export async function openDocker(
  flags: readonly string[] = [],
  programs: string | NoDocker = "/",
): Promise<Docker | NoDocker> {
  if (typeof programs !== "string") return programs;
  const client = join(programs, "usr/bin/docker");
  const daemon = join(programs, "usr/sbin/dockerd");
  if (!existsSync(client) || !existsSync(daemon))
    return { reason: `no ${client} or ${daemon}: Debian's package docker.io` };
  const directory = mkdtempSync(join(tmpdir(), "docker-test-"));
  const log = join(directory, "log");
  const socket = `unix://${directory}/docker.sock`;
  const places = [
    "--data-root",
    join(directory, "root"),
    "--exec-root",
    join(directory, "exec"),
    "-p",
    join(directory, "pid"),
  ];
  const buildx = join(programs, "usr/libexec/docker/cli-plugins/docker-buildx");
  if (existsSync(buildx)) {
    const plugins = join(directory, "config/cli-plugins");
    mkdirSync(plugins, { recursive: true });
    symlinkSync(buildx, join(plugins, "docker-buildx"));
  }
  const output = openSync(log, "w");
  const server = spawn(daemon, [...places, "-H", socket, ...flags], {
    // It starts docker-proxy of its own release.
    env: { ...process.env, PATH: `${join(programs, "usr/sbin")}:${process.env["PATH"]}` },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const exited = once(server, "exit");
  const env = {
    DOCKER_HOST: socket,
    DOCKER_CONFIG: join(directory, "config"),
    DOCKER_BUILDKIT: "1",
    DOCKER_CONTEXT: "",
  };
  const run: Docker["run"] = (args, start = {}) =>
    runProgram(client, args, { cwd: directory, ...start, env: { ...env, ...start.env } });
  const stop = async (): Promise<void> => {
    server.kill("SIGTERM");
    await exited;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };

  const end = Date.now() + 120_000;
  while ((await run(["version"])).code !== 0) {
    if (server.exitCode !== null || Date.now() > end) {
      const reason = `dockerd doesn't start: ${readFileSync(log, "utf8").trimEnd().split("\n").at(-1)}`;
      await stop();
      return { reason };
    }
    await sleep(200);
  }
  const loaded = await run(["import", "--change", 'CMD ["sh"]', baseArchives().busybox, "busybox"]);
  if (loaded.code !== 0) throw new Error(`docker import: ${loaded.stderr}`);
  const version = (await run(["--version"])).stdout.trim();
  return {
    version,
    env,
    run,
    async [Symbol.asyncDispose]() {
      const containers = (await run(["ps", "-aq"])).stdout.split("\n").filter((id) => id !== "");
      if (containers.length > 0) await run(["rm", "-f", ...containers]);
      await stop();
    },
  };
}
