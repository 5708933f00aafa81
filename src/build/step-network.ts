import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Host } from "../host/host.ts";
import { type Lock, lock, lockPath } from "../host/lock.ts";
import type { Endpoint } from "../network/network.ts";
import type { Networks } from "../network/networks.ts";

/** A network namespace with an address on the default bridge, lent to one step. */
export interface StepNetwork extends Disposable {
  /** Path that names the namespace. */
  readonly path: string;
  readonly endpoint: Endpoint;
}

/**
 * The network namespaces of one build. A step that ends gives its namespace to the next, so that a build of many steps
 * pays once for the wiring; steps that run side by side have one each.
 */
export interface StepNetworks extends AsyncDisposable {
  /** A namespace for one step; disposing it gives it back. */
  take(signal: AbortSignal): Promise<StepNetwork>;
}

interface Namespace {
  readonly containerID: string;
  /** Says that this process lives: an address that nobody holds any more is free. */
  readonly lock: Lock;
  readonly holder: ChildProcess;
  readonly pid: number;
  readonly endpoint: Endpoint;
}

/** What the namespaces of a build stand on. */
export interface StepNetworkDeps {
  readonly host: Host;
  readonly networks: Networks;
}

/** Makes nothing before a step asks. */
export function openStepNetworks(deps: StepNetworkDeps): StepNetworks {
  const all: Namespace[] = [];
  const idle: Namespace[] = [];
  return {
    take: async (signal) => {
      let namespace = idle.pop();
      if (namespace === undefined) {
        namespace = await openNamespace(deps, signal);
        all.push(namespace);
      }
      const lent = namespace;
      return {
        path: `/proc/${lent.pid}/ns/net`,
        endpoint: lent.endpoint,
        [Symbol.dispose]: () => void idle.push(lent),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map((namespace) => closeNamespace(deps, namespace)));
    },
  };
}

/** The namespace lives as long as a process that waits for the end of its input: it ends with this one, however that ends. */
async function openNamespace({ host, networks }: StepNetworkDeps, signal: AbortSignal): Promise<Namespace> {
  const containerID = randomID();
  const held = await lock(host.syscalls, lockPath(host, containerID));
  const script = "ip link set lo up && echo ready && exec cat";
  // In a session of its own: Ctrl-C at the terminal is for this process alone.
  const holder = spawn("unshare", ["--net", "--", "sh", "-c", script], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  try {
    await ready(holder);
    const { pid } = holder;
    if (pid === undefined) throw new Error("a process that answered has a pid");
    const network = await networks.defaultNetwork();
    const endpoint = await networks.attach(containerID, network, { pid, signal });
    return { containerID, lock: held, holder, pid, endpoint };
  } catch (error) {
    holder.kill("SIGKILL");
    await networks.release(containerID);
    removeLock(held);
    throw error;
  }
}

async function ready(holder: ChildProcess): Promise<void> {
  let trouble = "";
  holder.stderr?.on("data", (chunk: Buffer) => {
    trouble += chunk.toString();
  });
  const answer = once(holder.stdout ?? holder, "data").then(() => "ready");
  const end = once(holder, "close").then(() => "ended");
  if ((await Promise.race([answer, end])) === "ready") return;
  throw new BerthError("failed-precondition", `no network namespace for the build: ${trouble.trim()}`, {
    hint: "`berth doctor` says what this machine lacks; `--network host` builds without one.",
  });
}

async function closeNamespace({ networks }: StepNetworkDeps, namespace: Namespace): Promise<void> {
  const { holder, containerID } = namespace;
  const lives = holder.exitCode === null && holder.signalCode === null;
  const closed = lives ? once(holder, "close") : Promise.resolve();
  holder.stdin?.end();
  await closed;
  await networks.release(containerID);
  removeLock(namespace.lock);
}

function removeLock(held: Lock): void {
  rmSync(held.path, { force: true });
  held[Symbol.dispose]();
}
