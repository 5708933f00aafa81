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
  /** Where it keeps all that it has. */
  readonly store: string;
}

/** Debian's Podman; undefined, and a loud line, where it can't run. */
export async function openPodman(): Promise<Peer | undefined> {
  const busybox = ["import", "--change", 'CMD ["sh"]', baseArchives().busybox, "busybox"];
  return await openPeer("podman", [busybox]);
}

/** Debian's Buildah; its steps run by runc, as the others' by a runtime. Undefined, and a loud line, where it can't run. */
export async function openBuildah(): Promise<Peer | undefined> {
  const peer = await openPeer("buildah", importsOfBuildah(baseArchives().busybox, "busybox"));
  if (peer === undefined) return undefined;
  // Without these it keeps no layer of a step, and lets a step see the machine's limits, which may not be raised.
  const isolation = ["--isolation", "oci", "--runtime", "runc"];
  const options: Readonly<Record<string, readonly string[]>> = {
    build: ["--layers", ...isolation, ...limits.flatMap((it) => ["--ulimit", it])],
    run: isolation,
    from: limits.flatMap((it) => ["--ulimit", it]),
    commit: ["-q"],
  };
  const run: Peer["run"] = ([verb = "", ...args]) => peer.run([verb, ...(options[verb] ?? []), ...args]);
  return { ...peer, run };
}

/** What makes an image of a tar archive where there is no `import`. */
export function importsOfBuildah(archive: string, image: string): readonly (readonly string[])[] {
  return [
    ["from", "--name", "imported", "scratch"],
    ["add", "-q", "imported", archive, "/"],
    ["commit", "--rm", "imported", image],
  ];
}

/** What a machine lets everybody have. */
const limits = ["nofile=1024:1024", "nproc=1024:1024"];

async function openPeer(program: string, first: readonly (readonly string[])[]): Promise<Peer | undefined> {
  const directory = mkdtempSync(join(tmpdir(), `${program}-bench-`));
  const env = { ...settings(directory), TMPDIR: directory };
  const run: Peer["run"] = (args) => runProgram(program, args, { cwd: directory, env });
  const close = async (): Promise<void> => {
    await run(["rm", "--all", ...(program === "podman" ? ["--force", "--time", "0"] : [])]);
    await runProgram("umount", ["-l", join(directory, "root/overlay")]);
    rmSync(directory, { recursive: true, force: true });
  };
  for (const step of first) {
    const { code, stderr } = await run(step);
    if (code === 0) continue;
    console.log(`*** ${program} can't run here: ${step.join(" ")}: ${stderr.trim().split("\n").at(-1)} ***`);
    await close();
    return undefined;
  }
  const version = (await run(["--version"])).stdout.trim();
  return { run, version, store: join(directory, "root"), [Symbol.asyncDispose]: close };
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
