import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { dlopen } from "node:ffi";
import { readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const CLONE_NEWNET = 0x40000000;

/** Move this process, and all that it starts from now on, into a network namespace of its own, with nothing but `lo`. Needs root. */
export function enterPrivateNetwork(): void {
  const libc = dlopen("libc.so.6", { unshare: { return: "i32", arguments: ["i32"] } });
  if (libc.functions.unshare(CLONE_NEWNET) !== 0) throw new Error("unshare(CLONE_NEWNET) failed: is this root?");
  run("ip", "link", "set", "lo", "up");
}

/** A network namespace that a sleeping process holds open. */
export interface NetworkNamespace extends AsyncDisposable {
  readonly pid: number;
  /** Run a program inside, and give what it printed. @throws when it fails */
  run(...argv: readonly [string, ...string[]]): string;
}

/** Make an empty network namespace. */
export async function networkNamespace(): Promise<NetworkNamespace> {
  const child = spawn("unshare", ["-n", "sleep", "infinity"], { stdio: "ignore" });
  await once(child, "spawn");
  const { pid = 0 } = child;
  while (readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync("/proc/self/ns/net")) await sleep(1);
  return {
    pid,
    run: (...argv) => run("nsenter", "-t", String(pid), "-n", ...argv),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}
