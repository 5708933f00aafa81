import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { baseArchives } from "../test/support/images.ts";
import { type Outcome, runProgram } from "../test/support/program.ts";

/** An engine that is timed: a command that takes Docker's words. */
export interface Engine {
  readonly run: (args: readonly string[]) => Promise<Outcome>;
}

/** Another engine than Docker, with a store of its own and the image `busybox:latest`. */
export interface Peer extends Engine, AsyncDisposable {
  /** `podman version …` */
  readonly version: string;
  /** Where it runs. */
  readonly directory: string;
}

/** Debian's Podman. */
export async function openPodman(): Promise<Peer> {
  const peer = await openPeer("podman");
  const made = await peer.run(["import", "--change", 'CMD ["sh"]', baseArchives().busybox, "busybox"]);
  if (made.code !== 0) throw new Error(`podman import: ${made.stderr}`);
  const run: Peer["run"] = (args) => {
    // It doesn't write over an archive that is there.
    if (args[0] === "save") rmSync(join(peer.directory, args[args.indexOf("-o") + 1] ?? ""), { force: true });
    return peer.run(args);
  };
  return { ...peer, run };
}

/** Debian's Buildah, which only builds; its steps run by runc, as the others' by a runtime. */
export async function openBuildah(): Promise<Peer> {
  const peer = await openPeer("buildah");
  const steps = [
    ["from", "--name", "base", "scratch"],
    ["add", "-q", "base", baseArchives().busybox, "/"],
    ["commit", "-q", "--rm", "base", "busybox"],
  ];
  for (const step of steps) {
    const { code, stderr } = await peer.run(step);
    if (code !== 0) throw new Error(`buildah ${step.join(" ")}: ${stderr}`);
  }
  // Without these it keeps no layer of a step, and lets a step see the machine's limits, which may not be raised.
  const options = ["--layers", "--isolation", "oci", "--runtime", "runc", ...limits.flatMap((it) => ["--ulimit", it])];
  const run: Peer["run"] = ([verb = "", ...args]) =>
    peer.run(verb === "build" ? [verb, ...options, ...args] : [verb, ...args]);
  return { ...peer, run };
}

/** What a machine lets everybody have. */
const limits = ["nofile=1024:1024", "nproc=1024:1024"];

async function openPeer(program: string): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), `${program}-bench-`));
  const env = { ...settings(directory), TMPDIR: directory };
  const run: Peer["run"] = (args) => runProgram(program, args, { cwd: directory, env });
  return {
    run,
    directory,
    version: (await run(["--version"])).stdout.trim(),
    async [Symbol.asyncDispose]() {
      await run(["rm", "--all", ...(program === "podman" ? ["--force", "--time", "0"] : [])]);
      await runProgram("umount", ["-l", join(directory, "root/overlay")]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** @see containers.conf(5), containers-storage.conf(5) */
function settings(directory: string): Readonly<Record<string, string>> {
  const file = (name: string, lines: readonly string[]): string => {
    const path = join(directory, name);
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };
  mkdirSync(join(directory, "networks"));
  return {
    CONTAINERS_CONF: file("containers.conf", [
      "[containers]",
      `default_ulimits = ${JSON.stringify(limits)}`,
      "[engine]",
      'runtime = "runc"',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "file"',
      "[network]",
      'network_backend = "netavark"',
      `network_config_dir = ${JSON.stringify(join(directory, "networks"))}`,
    ]),
    CONTAINERS_STORAGE_CONF: file("storage.conf", [
      "[storage]",
      'driver = "overlay"',
      `graphroot = ${JSON.stringify(join(directory, "root"))}`,
      `runroot = ${JSON.stringify(join(directory, "run"))}`,
    ]),
    CONTAINERS_REGISTRIES_CONF: file("registries.conf", ["unqualified-search-registries = []"]),
  };
}
