import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { MachineImage } from "./image.ts";

/** How a machine is started. */
export interface Boot {
  /** A directory of its own for what the machine's devices write. */
  readonly scratch: string;
  /** A shell script that runs inside, in the project's directory, as root. */
  readonly job: string;
  /** PID 1: systemd, as users have it, or a script that has the job running in half the time. */
  readonly init: "systemd" | "plain";
  /** Reach the network as this machine does, from behind it. */
  readonly network?: boolean;
  /** A qcow2 file that is `/dev/vde` inside. What the machine wrote there and did not flush is lost when it is killed. */
  readonly data?: string;
  /** The machine is killed after that many seconds. */
  readonly seconds: number;
}

/** A virtual machine with cgroup v2 in software emulation. Disposing kills it. */
export interface Machine extends AsyncDisposable {
  /** What the job prints, line by line, until the machine ends or is killed. */
  readonly lines: AsyncIterable<string>;
  /** Cut its power. */
  readonly kill: () => Promise<void>;
  /** Wait for its end. @returns false, when it took too long and was killed */
  readonly ended: () => Promise<boolean>;
  /** The last lines of its console. */
  readonly console: () => string;
}

const paths = { systemd: "/lib/systemd/systemd", plain: "/usr/lib/berth-vm/plain-init" };
const consoleLines = 40;

/** Boot a machine. */
export function startMachine(image: MachineImage, boot: Boot): Machine {
  const job = join(boot.scratch, "job");
  const log = join(boot.scratch, "console.log");
  writeFileSync(job, padded(boot.job));
  const [root, ...others] = image.disks;
  const disks = [root, job, ...others].map((file) => `file=${file},format=raw,if=virtio,snapshot=on`);
  // The tables that say where a block lies are written back when the machine flushes, and not before: as a disk's own cache.
  if (boot.data !== undefined) disks.push(`file=${boot.data},format=qcow2,if=virtio,cache=writeback,l2-cache-size=16M`);
  // It doesn't outlive this process, however that ends.
  const qemu = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(image, { ...boot, log, disks })];
  const child = spawn("setpriv", qemu, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: boot.scratch },
  });
  const closed = once(child, "close");
  const errors = collected(child);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, boot.seconds * 1000);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
    clearTimeout(timer);
  };
  return {
    lines: createInterface(child.stdout),
    kill,
    ended: async () => {
      await closed;
      clearTimeout(timer);
      return !late;
    },
    console: () => [...tail(log), ...errors].join("\n"),
    [Symbol.asyncDispose]: kill,
  };
}

function qemuArguments(
  image: MachineImage,
  { init, log, disks, network = false }: Boot & { readonly log: string; readonly disks: readonly string[] },
): readonly string[] {
  const words = [
    "console=ttyS0",
    "quiet",
    "panic=-1",
    "mitigations=off",
    "net.ifnames=0",
    "systemd.unified_cgroup_hierarchy=1",
  ];
  return [
    ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "2048", "-machine", "pc"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", image.kernel, "-initrd", image.initrd, "-append", [...words, `berth_init=${paths[init]}`].join(" ")],
    ...["-serial", `file:${log}`, "-serial", "stdio"],
    ...(network ? ["-netdev", "user,id=uplink", "-device", "virtio-net-pci,netdev=uplink,romfile="] : []),
    ...disks.flatMap((disk) => ["-drive", disk]),
  ];
}

/** A disk is read in whole blocks. Empty lines do nothing in a shell. */
function padded(script: string): string {
  const length = Buffer.byteLength(script) + 1;
  return `${script}\n${"\n".repeat((4096 - (length % 4096)) % 4096)}`;
}

function collected(child: ChildProcessByStdio<null, Readable, Readable>): readonly string[] {
  const lines: string[] = [];
  createInterface(child.stderr).on("line", (line) => lines.push(line));
  return lines;
}

function tail(log: string): readonly string[] {
  return existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").slice(-consoleLines) : [];
}
