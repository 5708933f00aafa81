import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path/posix";
import { messageOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { heldDir } from "../host/held-dir.ts";
import { networkFiles, readHostFiles } from "../network/network-files.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import type { RuntimeSpec, SpecMount } from "../oci/runtime-spec.ts";
import { createBundle } from "../runtime/bundle.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { StartError } from "../runtime/runtime-error.ts";
import { type Resources, runtimeSpec } from "../runtime/spec.ts";
import { resolveUser } from "../runtime/user.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import { BuildError, type BuildErrorDetails } from "./build-error.ts";
import type { CopySource } from "./copy-op.ts";
import type { ExecOp, Vertex } from "./graph.ts";
import { makeMountPoints } from "./mount-points.ts";
import type { OpDeps } from "./op-deps.ts";
import { OutputTail } from "./output-tail.ts";
import { RootWriter } from "./root-writer.ts";
import type { Solved, StepOperation, Work } from "./solve.ts";
import { mountKeys, prepareMounts } from "./step-mounts.ts";
import type { StepNetwork, StepNetworks } from "./step-network.ts";

/** Name of the host that every step sees, as in BuildKit. */
const hostname = "buildkitsandbox";

/** Most bytes of a passwd or group file. */
const userFileLimit = 10 << 20;

/** What a step runs with. */
export interface ExecDeps extends OpDeps {
  readonly runtime: Runtime;
  readonly stepNetworks: StepNetworks;
  /** Proxy settings as `NAME=value`: the step sees them, its key doesn't. */
  readonly proxy: readonly string[];
  readonly resources?: Resources;
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
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
  return {
    keys: [async () => digestOf(JSON.stringify(["exec", op, parent, await mountKeys(deps, op, sources)]))],
    run: (operation) => runStep(deps, { vertex, parent, sources }, operation),
  };
}

interface StepTask extends ExecInputs {
  readonly vertex: ExecVertex;
}

async function runStep(deps: ExecDeps, task: StepTask, operation: StepOperation): Promise<Solved> {
  const { vertex, parent, sources } = task;
  const { op } = vertex;
  const { signal } = operation;
  const secrets = deps.secrets ?? new Map();
  await using directory = await heldDir(deps.host.syscalls, deps.host.runRoot, "step-");
  using network = op.network === "default" ? await deps.stepNetworks.take(signal) : undefined;
  await using prepared = await prepareMounts(deps, op, { sources, secrets, signal });
  const mounts = [...(await hostMounts(directory.path, op, network)), ...prepared.mounts];
  const tree = deps.snapshotter.view(parent);
  const user = userOf(tree, op.user);
  await using snapshot = await deps.snapshotter.prepare(`build-${randomID()}`, parent, {
    init: (init) => makeMountPoints(tree, init, mounts),
  });
  new RootWriter(deps, snapshot).mkdirAll(op.cwd, user);
  const spec = runtimeSpec({
    args: op.args,
    env: stepEnv(op, [...deps.proxy, ...prepared.env], user.home),
    cwd: op.cwd,
    user,
    terminal: false,
    hostname,
    mounts,
    network: networkOf(op, network),
    cgroupsPath: `/berth/build/${basename(directory.path)}`,
    resources: deps.resources ?? {},
    cgroup: deps.host.cgroup,
  });
  await runBundle(deps, { vertex, spec, snapshot, directory: directory.path }, operation);
  const { chainID } = await snapshot.commit(operation);
  return { chainID };
}

interface BundleTask {
  readonly vertex: ExecVertex;
  readonly spec: RuntimeSpec;
  readonly snapshot: ActiveSnapshot;
  readonly directory: string;
}

/** @throws {BuildError} when the command can't be started or ends with another code than 0 */
async function runBundle(deps: ExecDeps, task: BundleTask, { signal, report }: StepOperation): Promise<void> {
  const { vertex, spec, snapshot, directory } = task;
  const tail = new OutputTail();
  const id = basename(directory);
  const { host } = deps;
  const rootfs = snapshot.mounts();
  await using bundle = await createBundle(join(directory, "bundle"), { id, spec, rootfs, host });
  const onOutput = (stream: "stdout" | "stderr", data: Uint8Array): void => {
    tail.add(data);
    report?.({ kind: "output", id: vertex.digest, stream, data });
  };
  try {
    const exitCode = await deps.runtime.run(id, bundle, { signal, onOutput });
    if (exitCode !== 0) throw stepFailed(vertex.op, { exitCode, output: tail.lines });
  } catch (error) {
    throw error instanceof StartError
      ? stepFailed(vertex.op, { cause: error, exitCode: error.exitCode, output: tail.lines })
      : error;
  }
}

function userOf(tree: MergedTree, user: string): ReturnType<typeof resolveUser> {
  const read = (path: string): string =>
    tree.stat(path)?.kind === "file" ? tree.readFile(path, userFileLimit).toString("utf8") : "";
  return resolveUser(user === "" ? "0" : user, read("/etc/passwd"), read("/etc/group"));
}

/** What the image and the arguments say comes after the defaults and before the secrets. */
function stepEnv(op: ExecOp, extra: readonly string[], home: string): readonly string[] {
  const hasHome = op.env.some((pair) => pair.startsWith("HOME="));
  return [...op.env, ...(hasHome ? [] : [`HOME=${home}`]), ...extra];
}

function networkOf(op: ExecOp, network: StepNetwork | undefined): "new" | "host" | { readonly path: string } {
  if (op.network === "host") return "host";
  return network === undefined ? "new" : { path: network.path };
}

/** `/etc/hosts` and `/etc/resolv.conf`, which a step sees and its layer doesn't. */
async function hostMounts(
  directory: string,
  op: ExecOp,
  network: StepNetwork | undefined,
): Promise<readonly SpecMount[]> {
  const files = networkFiles({
    hostname,
    hostNetwork: op.network === "host",
    host: readHostFiles(),
    dns: { servers: [], search: [], options: [] },
    extraHosts: [],
    ...(network === undefined ? {} : { address: network.endpoint.address, gateway: network.endpoint.gateway }),
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
  const why = details.cause === undefined ? `exit code: ${details.exitCode}` : messageOf(details.cause);
  const message = `process ${JSON.stringify(op.args.join(" "))} did not complete successfully: ${why}`;
  return new BuildError("internal", message, details);
}
