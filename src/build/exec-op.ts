import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path/posix";
import { BerthError, fullDiskHint, messageOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import type { CdiRegistry } from "../host/cdi.ts";
import type { Emulators } from "../host/emulators.ts";
import { heldDir } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { ownIds } from "../host/user-namespaces.ts";
import { networkFiles, readHostFiles } from "../network/network-files.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import type { RuntimeSpec, SpecMount } from "../oci/runtime-spec.ts";
import { createBundle } from "../runtime/bundle.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { StartError } from "../runtime/runtime-error.ts";
import { type Resources, runtimeSpec } from "../runtime/spec.ts";
import { resolveUser } from "../runtime/user.ts";
import type { Shells } from "../runtime/waiting-shell.ts";
import type { WindowSize } from "../runtime/window-size.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { ActiveSnapshot, PrepareOptions } from "../snapshot/snapshotter.ts";
import { BuildError, type BuildErrorDetails } from "./build-error.ts";
import type { CacheImports } from "./cache-imports.ts";
import type { CopySource } from "./copy-op.ts";
import type { ExecOp, Vertex } from "./graph.ts";
import { insecureDevices } from "./insecure-devices.ts";
import { makeMountPoints } from "./mount-points.ts";
import type { OpDeps } from "./op-deps.ts";
import { OutputTail } from "./output-tail.ts";
import { RootWriter } from "./root-writer.ts";
import { cgroupOfSteps, checkRootlessStep, idAdvice, strangersBelow } from "./rootless-step.ts";
import type { KeyedContent, Solved, StepOperation, Work } from "./solve.ts";
import type { SshAgents } from "./ssh-agent.ts";
import { mountKeys, prepareMounts } from "./step-mounts.ts";
import type { StepNetwork, StepNetworks } from "./step-network.ts";
import { checkGateway, keyedSettings, type StepSecurity } from "./step-settings.ts";

/** Name of the host that every step sees, as in BuildKit. */
const usualHostname = "buildkitsandbox";

/** Most bytes of a passwd or group file. */
const userFileLimit = 10 << 20;

/** What a step runs with. */
export interface ExecDeps extends OpDeps {
  readonly runtime: Runtime;
  /** Where further steps may follow. */
  readonly shells?: Shells;
  readonly stepNetworks: StepNetworks;
  readonly emulators: Emulators;
  /** Proxy settings as `NAME=value`: the step sees them, its key doesn't. */
  readonly proxy: readonly string[];
  readonly resources?: Resources;
  readonly security?: StepSecurity;
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  readonly agents?: SshAgents;
  readonly registry: () => CdiRegistry;
  readonly imports?: Pick<CacheImports, "fill">;
  /** Name of the host that steps see; the usual one when absent. */
  readonly hostname?: string;
  /** Takes what a step whose command failed has left; absent where nobody wants it. */
  readonly onFailed?: (failed: FailedStep) => void;
}

/** What a step whose command failed has left. */
export interface FailedStep {
  readonly id: string;
  readonly task: StepTask;
  readonly error: BuildError;
  readonly operation: StepOperation;
  /** What it wrote: below its mounts, where it has such, and its file system, in any order. */
  readonly snapshots: readonly ActiveSnapshot[];
  /** Holds these until it is disposed. */
  readonly held: AsyncDisposable;
}

/** A vertex that runs a command. */
export type ExecVertex = Vertex & { readonly op: ExecOp };

/** A `RUN` step and what it reads. */
export interface ExecInputs {
  readonly parent: ChainID | undefined;
  /** By the index of the vertex's inputs; the first is the file system itself. */
  readonly sources: readonly CopySource[];
}

/** The work of `RUN`: a bundle above the parent, run to its end, its changes committed. */
export function planExec(deps: ExecDeps, vertex: ExecVertex, { parent, sources }: ExecInputs): Work {
  const { op } = vertex;
  const content: KeyedContent[] = [];
  const reading = { op, sources };
  return {
    keys: [
      async () => {
        const mounts = await mountKeys(deps, reading, (each) => content.push(each));
        return digestOf(JSON.stringify(["exec", keyedOp(op), parent, mounts]));
      },
    ],
    content: () => content,
    run: (operation) => runStep(deps, { vertex, parent, sources }, operation),
  };
}

function keyedOp(op: ExecOp): ExecOp {
  return op.settings === undefined ? op : { ...op, settings: keyedSettings(op.settings) };
}

/** What a step is made of. */
export interface StepTask extends ExecInputs {
  readonly vertex: ExecVertex;
}

async function runStep(deps: ExecDeps, task: StepTask, operation: StepOperation): Promise<Solved> {
  const { vertex, parent } = task;
  const { op } = vertex;
  deps.shells?.prepare();
  const id = randomID();
  const keys = { files: `build-${id}`, mounts: `build-${id}-mounts` };
  const snapshots: ActiveSnapshot[] = [];
  await using files = new AsyncDisposableStack();
  const prepare = async (
    key: string,
    above: ChainID | undefined,
    options?: PrepareOptions,
  ): Promise<ActiveSnapshot> => {
    const snapshot = files.use(await deps.snapshotter.prepare(key, above, options));
    snapshots.push(snapshot);
    return snapshot;
  };
  const places: StepPlaces = {
    files: (init) => prepare(keys.files, parent, { init }),
    mounts: () => prepare(keys.mounts, undefined),
  };
  await using step = await openStep(deps, { ...task, op }, { ...operation, places });
  const warning = await strangersBelow(deps, parent);
  if (warning !== undefined) {
    operation.report?.({ kind: "output", id: vertex.digest, stream: "stderr", data: Buffer.from(warning) });
  }
  try {
    await runBundle(deps, { vertex, step }, operation);
  } catch (error) {
    if (error instanceof BuildError) deps.onFailed?.({ id, task, error, operation, snapshots, held: files.move() });
    throw error;
  }
  // What ran again has left files of other times.
  const { chainID } = await step.snapshot.commit({ ...operation, mounted: true, again: false });
  return { chainID };
}

/** Where what a step writes lies. */
export interface StepPlaces {
  /** The step's file system. @param init as in {@link PrepareOptions} */
  files(init: (directory: string) => void): Promise<ActiveSnapshot>;
  /** What is written below mounts, an empty root to begin with; asked for where there is such a mount. */
  mounts(): Promise<ActiveSnapshot>;
}

/** How {@link openStep} opens a step. */
export interface StepOptions extends Operation {
  readonly signal: AbortSignal;
  readonly places: StepPlaces;
  /** In place of the step's own. */
  readonly args?: readonly string[];
  /** The command has a terminal, of this size where that is known. False when absent. */
  readonly terminal?: boolean;
  readonly windowSize?: WindowSize;
  /** Told of a required secret or agent that isn't given, where the step is to have none then; it is thrown when absent. */
  readonly onMissing?: (error: BerthError) => void;
}

/** A step that is ready to run; disposing it frees its mounts and its network, and leaves its file system. */
export interface OpenedStep extends AsyncDisposable {
  readonly spec: RuntimeSpec;
  readonly snapshot: ActiveSnapshot;
  /** The step's alone, below the run root; named as its container. */
  readonly directory: string;
}

/** Get everything ready that a step runs with. */
export async function openStep(
  deps: ExecDeps,
  { op: wanted, parent, sources }: ExecInputs & { readonly op: ExecOp },
  options: StepOptions,
): Promise<OpenedStep> {
  const { signal, places, args = wanted.args, terminal = false } = options;
  const { ulimits, shmSize } = wanted.settings ?? {};
  const hostname = wanted.settings?.hostname ?? deps.hostname ?? usualHostname;
  const { secrets = new Map(), agents = new Map() } = deps;
  await using stack = new AsyncDisposableStack();
  const { path: directory } = stack.use(await heldDir(deps.host.syscalls, deps.host.runRoot, "step-"));
  const tree = deps.snapshotter.view(parent);
  const user = userOf(tree, wanted);
  await checkRootlessStep(deps.host, { op: wanted, user });
  const { resources = {} } = deps;
  const cgroup = cgroupOfSteps(deps.host, { ...wanted, resources });
  const op = asRootless(deps.host, wanted);
  const network = op.network === "default" ? stack.use(await deps.stepNetworks.take(signal)) : undefined;
  const fill = deps.imports === undefined ? {} : { fill: deps.imports.fill };
  const given = { sources, secrets, agents, directory, scratch: places.mounts, onMissing: options.onMissing, ...fill };
  const prepared = stack.use(await prepareMounts(deps, op, { ...given, signal }));
  const mounts = [...(await hostMounts({ directory, hostname, op, network })), ...prepared.mounts];
  const snapshot = await places.files((init) => makeMountPoints(tree, init, mounts));
  new RootWriter(deps, snapshot).mkdirAll(op.cwd, user);
  const plain = runtimeSpec({
    args,
    env: stepEnv(op, [...deps.proxy, ...prepared.env], user.home),
    cwd: op.cwd,
    user,
    terminal,
    ...(options.windowSize === undefined ? {} : { windowSize: options.windowSize }),
    hostname,
    mounts,
    network: networkOf(op, network),
    ...(cgroup === undefined ? {} : { cgroupsPath: join(cgroup, basename(directory)) }),
    resources,
    ...(deps.security === undefined ? {} : { security: deps.security }),
    ...(op.security === "insecure" ? { privileged: { devices: insecureDevices } } : {}),
    ...(ulimits === undefined ? {} : { ulimits }),
    ...(shmSize === undefined ? {} : { shmSize }),
    cgroup: deps.host.cgroup,
    ...(deps.host.rootless ? { ids: ownIds() } : {}),
  });
  const spec = op.devices === undefined ? plain : await withStepDevices(plain, deps.registry(), op.devices);
  const owned = stack.move();
  return { spec, snapshot, directory, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Without root there is no bridge: the network that a step has by default is the machine's. */
function asRootless({ rootless }: Pick<Host, "rootless">, op: ExecOp): ExecOp {
  return rootless && op.network === "default" ? { ...op, network: "host" } : op;
}

interface BundleTask {
  readonly vertex: Pick<ExecVertex, "digest" | "op" | "architecture">;
  readonly step: OpenedStep;
}

/** Run a step to its end. @throws {BuildError} when the command can't be started or ends with another code than 0 */
export async function runBundle(
  deps: Pick<ExecDeps, "host" | "runtime" | "emulators" | "shells">,
  { vertex, step }: BundleTask,
  { signal, report }: StepOperation,
): Promise<void> {
  const { spec, snapshot, directory } = step;
  const { architecture } = vertex;
  // A program of this machine in a foreign file system runs all the same.
  const unable = architecture === undefined ? undefined : await deps.emulators.ensure(architecture);
  const tail = new OutputTail();
  const id = basename(directory);
  const { host } = deps;
  const rootfs = snapshot.mounts();
  // Goes with the step's directory.
  const bundle = await createBundle(join(directory, "bundle"), { id, spec, rootfs, host });
  const onOutput = (stream: "stdout" | "stderr", data: Uint8Array): void => {
    tail.add(data);
    report?.({ kind: "output", id: vertex.digest, stream, data });
  };
  try {
    const exitCode = await deps.runtime.run(id, bundle, { signal, onOutput }, deps.shells);
    if (exitCode !== 0) {
      const isFull = tail.lines.some((line) => /no space left on device/i.test(line));
      const hint = idAdvice(host, tail.lines) ?? (isFull ? fullDiskHint : undefined);
      const advice = hint === undefined ? adviceFor(vertex, unable, tail.lines) : { hint };
      throw stepFailed(vertex.op, { exitCode, output: tail.lines, ...advice });
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const failed = { cause: error, exitCode: error.exitCode, output: tail.lines };
    throw stepFailed(vertex.op, { ...failed, ...adviceFor(vertex, unable, [error.message]) });
  }
}

/** What to do about a step of another machine's programs, which this one can't run. */
function adviceFor(
  { architecture }: Pick<Vertex, "architecture">,
  unable: string | undefined,
  said: readonly string[],
): { readonly hint?: string } {
  if (architecture === undefined || unable === undefined) return {};
  if (!said.some((line) => /exec format error/i.test(line))) return {};
  return {
    hint: `The step's programs are for ${architecture}, and ${unable}. A stage that starts with FROM --platform=$BUILDPLATFORM runs this machine's.`,
  };
}

async function withStepDevices(
  spec: RuntimeSpec,
  registry: CdiRegistry,
  names: readonly string[],
): Promise<RuntimeSpec> {
  const [{ withDevices }, { deviceEdits }] = await Promise.all([
    import("../runtime/device-edits.ts"),
    import("./step-devices.ts"),
  ]);
  return withDevices(spec, deviceEdits(registry, names));
}

function userOf(tree: MergedTree, op: ExecOp): ReturnType<typeof resolveUser> {
  const { user } = op;
  const read = (path: string): string =>
    tree.stat(path)?.kind === "file" ? tree.readFile(path, userFileLimit).toString("utf8") : "";
  try {
    return resolveUser(user === "" ? "0" : user, read("/etc/passwd"), read("/etc/group"));
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError(error.kind, notCompleted(op, error.message), { cause: error });
  }
}

/** What the image and the arguments say comes after the defaults and before the secrets. */
function stepEnv(op: ExecOp, extra: readonly string[], home: string): readonly string[] {
  const isGiven = (name: string): boolean => op.env.some((pair) => pair.startsWith(name));
  const own = isGiven("SSH_AUTH_SOCK=") ? extra.filter((pair) => !pair.startsWith("SSH_AUTH_SOCK=")) : extra;
  return [...op.env, ...(isGiven("HOME=") ? [] : [`HOME=${home}`]), ...own];
}

function networkOf(op: ExecOp, network: StepNetwork | undefined): "new" | "host" | { readonly path: string } {
  if (op.network === "host") return "host";
  return network === undefined ? "new" : { path: network.path };
}

interface HostFiles {
  readonly directory: string;
  readonly hostname: string;
  readonly op: ExecOp;
  readonly network: StepNetwork | undefined;
}

/** `/etc/hosts` and `/etc/resolv.conf`, which a step sees and its layer doesn't. */
async function hostMounts({ directory, hostname, op, network }: HostFiles): Promise<readonly SpecMount[]> {
  const { extraHosts = [] } = op.settings ?? {};
  checkGateway({ extraHosts }, network !== undefined);
  const files = networkFiles({
    hostname,
    hostNetwork: op.network === "host",
    host: readHostFiles(),
    dns: { servers: [], search: [], options: [] },
    extraHosts,
    // A step without networks finds itself by its name, too.
    ...(network === undefined
      ? { address: "127.0.0.1" }
      : { address: network.endpoint.address, gateway: network.endpoint.gateway }),
  });
  const mounts: SpecMount[] = [];
  for (const [name, text] of [
    ["hosts", files.hosts],
    ["resolv.conf", files.resolvConf],
  ] as const) {
    const source = join(directory, name);
    await writeFile(source, text, { mode: 0o644 });
    mounts.push({ destination: `/etc/${name}`, type: "bind", source, options: ["rbind", "ro"] });
  }
  return mounts;
}

function stepFailed(op: ExecOp, details: BuildErrorDetails & { readonly exitCode: number }): BuildError {
  const why = details.cause === undefined ? `exit code: ${details.exitCode}` : startFailure(messageOf(details.cause));
  return new BuildError("internal", notCompleted(op, why), details);
}

/** Why a step didn't start, without what only a daemon's containers have around it. */
function startFailure(message: string): string {
  return message
    .replace(/^.*: runc create failed: /, "runc run failed: ")
    .replace(/: unknown(: permission denied)?$/, "");
}

function notCompleted({ args }: ExecOp, why: string): string {
  return `process ${JSON.stringify(args.join(" "))} did not complete successfully: ${why}`;
}
