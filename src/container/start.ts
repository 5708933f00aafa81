import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { machineDevices } from "../host/devices.ts";
import { networkFiles, readHostFiles } from "../network/network-files.ts";
import type { RuntimeSpec, SpecMount } from "../oci/runtime-spec.ts";
import { type AttachIO, type Attachment, attach } from "../runtime/attach.ts";
import { createBundle } from "../runtime/bundle.ts";
import { securityIn } from "../runtime/security.ts";
import { runtimeSpec } from "../runtime/spec.ts";
import type { WindowSize } from "../runtime/window-size.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { Container } from "./container.ts";
import { bundlePath, type ContainerDeps, exitDirectory, lockContainer } from "./deps.ts";
import { environmentOf, userIn } from "./process.ts";
import { forgetRun, recordExit, recordStart } from "./records.ts";
import { startableContainer, useServed } from "./whole.ts";

/** What {@link startContainer} does beside starting. */
export interface StartOptions {
  /** Connect to the streams before the first byte can be lost. */
  readonly attach?: AttachIO;
}

/**
 * Start a container that isn't running.
 *
 * @returns the connection that was asked for
 * @throws {StartError} with the exit code for `run`, when its command can't be started
 */
export async function startContainer(
  deps: ContainerDeps,
  id: string,
  options: StartOptions = {},
): Promise<Attachment | undefined> {
  using _lock = await lockContainer(deps, id);
  const container = await startableContainer(deps, id);
  if (container.state.status === "running") return options.attach && attachTo(deps, id, options.attach);
  if (container.state.status === "paused") {
    throw new BerthError("conflict", "cannot start a paused container, try unpause instead");
  }
  if (existsSync(bundlePath(deps, id))) await clearStart(deps, id);
  const startedAt = new Date().toISOString();
  try {
    return await launch(deps, container, { ...options, startedAt });
  } catch (error) {
    await clearStart(deps, id);
    const code =
      error instanceof Error && "exitCode" in error && typeof error.exitCode === "number" ? error.exitCode : 125;
    const message = error instanceof Error ? error.message : String(error);
    await recordExit(deps, id, { code, oomKilled: false, startedAt, finishedAt: startedAt, error: message });
    throw error;
  }
}

/** Delete what a start has made that failed or was killed half way. The container's lock is held. */
export async function clearStart(deps: ContainerDeps, id: string): Promise<void> {
  await deps.networks.release(id);
  await deps.runtime.delete(id, { force: true });
  await forgetRun(deps, id);
  rmSync(bundlePath(deps, id), { recursive: true, force: true });
}

/** Connect to the streams of a running container. */
export function attachTo(deps: ContainerDeps, id: string, io: AttachIO): Attachment {
  return attach(deps.host.syscalls, bundlePath(deps, id), io);
}

async function launch(
  deps: ContainerDeps,
  container: Container,
  options: StartOptions & { readonly startedAt: string },
): Promise<Attachment | undefined> {
  const { id, request, config, directory } = container;
  // What serves the layers goes on until they are mounted.
  using served = await useServed(deps, container.coming);
  using monitor = await deps.runtime.monitor(id, bundlePath(deps, id), {
    terminal: request.terminal,
    stdin: request.openStdin,
    logPath: join(directory, "container.log"),
    exitCommand: deps.exitCommand(id),
    exitDirectory: exitDirectory(deps),
    command: config.args[0] ?? "",
    ...(served === undefined ? {} : { namespaceOf: served.pid }),
  });
  const network = request.network === "bridge" ? await deps.networks.defaultNetwork() : undefined;
  const endpoint = network === undefined ? undefined : await deps.networks.reserve(id, network);
  writeNetworkFiles(container, endpoint);
  const snapshot = await deps.snapshotter.open(id, container.chainID);
  await using bundle = await createBundle(bundlePath(deps, id), {
    id,
    spec: specOf(deps, container, { tree: snapshot.view(), windowSize: options.attach?.windowSize }),
    rootfs: snapshot.mounts(),
    host: deps.host,
  });
  const monitored = await monitor.create();
  using stack = new DisposableStack();
  const attachment = options.attach && stack.use(attachTo(deps, id, options.attach));
  if (network !== undefined) await deps.networks.attach(id, network, { pid: monitored.pid });
  await recordStart(deps, id, {
    pid: monitored.pid,
    start_time: monitored.startTime,
    started_at: options.startedAt,
    paused: 0,
  });
  await deps.runtime.start(id);
  bundle.keep();
  stack.move();
  return attachment;
}

function specOf(
  deps: ContainerDeps,
  container: Container,
  { tree, windowSize }: { readonly tree: MergedTree; readonly windowSize: WindowSize | undefined },
): RuntimeSpec {
  const { id, request, config } = container;
  const { user, home } = userIn(tree, config.User ?? "", request.groupAdd);
  return runtimeSpec({
    args: config.args,
    env: environmentOf(config.Env ?? [], { hostname: config.hostname, home, terminal: request.terminal }),
    cwd: config.WorkingDir || "/",
    user,
    terminal: request.terminal,
    ...(windowSize === undefined ? {} : { windowSize }),
    hostname: config.hostname,
    readonlyRootfs: request.readonlyRootfs,
    mounts: mountsOf(container),
    network: request.network === "host" ? "host" : "new",
    cgroupsPath: `/berth/${id}`,
    resources: request.resources,
    capAdd: request.capAdd,
    capDrop: request.capDrop,
    ...(request.privileged ? { privileged: { devices: machineDevices() } } : {}),
    security: securityIn(request.securityOpt),
    ulimits: request.ulimits,
    sysctls: request.sysctls,
    cgroup: deps.host.cgroup,
    ...(request.shmSize === undefined ? {} : { shmSize: request.shmSize }),
  });
}

function mountsOf({ directory, config, request }: Container): readonly SpecMount[] {
  const own = ["resolv.conf", "hostname", "hosts"].map((name) => ({
    destination: `/etc/${name}`,
    type: "bind",
    source: join(directory, name),
    options: ["rbind", "rprivate"],
  }));
  const tmpfs = request.tmpfs.map(({ target, options }) => ({
    destination: target,
    type: "tmpfs",
    source: "tmpfs",
    options: ["noexec", "nosuid", "nodev", ...options],
  }));
  const mounts = config.mounts.map(({ source, target, readonly, propagation }) => ({
    destination: target,
    type: "bind",
    source,
    options: ["rbind", propagation || "rprivate", readonly ? "ro" : "rw"],
  }));
  // A mount below another one comes after it.
  return [...own, ...tmpfs, ...mounts].sort((a, b) => depth(a.destination) - depth(b.destination));
}

const depth = (path: string): number => path.split("/").length;

function writeNetworkFiles(
  { directory, request, config }: Container,
  endpoint: { readonly address: string; readonly gateway: string } | undefined,
): void {
  const files = networkFiles({
    hostname: config.hostname,
    hostNetwork: request.network === "host",
    ...(endpoint === undefined ? {} : { address: endpoint.address, gateway: endpoint.gateway }),
    dns: { servers: request.dns, search: [], options: [] },
    extraHosts: request.extraHosts,
    host: readHostFiles(),
  });
  writeFileSync(join(directory, "hosts"), files.hosts, { mode: 0o644 });
  writeFileSync(join(directory, "resolv.conf"), files.resolvConf, { mode: 0o644 });
  writeFileSync(join(directory, "hostname"), files.hostname, { mode: 0o644 });
}
