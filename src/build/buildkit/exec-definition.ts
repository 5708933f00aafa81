import { join } from "node:path/posix";
import { digestOf } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import { scriptDirectory } from "../apply-run.ts";
import type { CountedDevice, ExecOp, StepMount } from "../graph.ts";
import { ownedDirectory } from "../run-mounts.ts";
import type { Selector } from "./content-digest.ts";
import { type DefinedInput, type Definition, Inputs, type Origin, type Version, withoutNested } from "./definition.ts";
import { cacheDirectory, inlineFile } from "./file-definition.ts";
import { filled, operationDigest } from "./operation.ts";

// What RUN is to BuildKit. @see BuildKit solver/llbsolver/ops/exec.go, client/llb/exec.go

/** The mount that is the file system itself. */
const root = "/";

const networks = { default: 0, host: 1, none: 2 } as const;
const types = { bind: 0, secret: 1, ssh: 2, cache: 3, tmpfs: 4 } as const;

/** The file system goes on from the step. */
const goesOn = 0;
/** A mount isn't seen by later steps. */
const noOutput = -1;

/** A mount as BuildKit has it. */
interface Mount {
  readonly target: string;
  readonly origin: Origin | undefined;
  /** The part of it that is shown. */
  readonly path: string;
  readonly readonly: boolean;
  readonly kind: Readonly<Record<string, unknown>>;
}

/** What a command is run in. */
export interface ExecPlace {
  /** Of the vertex; undefined is the empty file system. */
  readonly inputs: readonly (Origin | undefined)[];
  /** Undefined where its variant isn't known. */
  readonly platform: Platform | undefined;
  readonly devices: readonly CountedDevice[];
}

/** `RUN`; undefined for what isn't told. */
export function execDefinition(
  op: ExecOp,
  { inputs, platform, devices }: ExecPlace,
  version: Version,
): Definition | undefined {
  if (platform === undefined) return undefined;
  const mounts = mountsOf(op, inputs, version);
  if (new Set(mounts.map(({ target }) => target)).size < mounts.length) return undefined;
  const numbers = new Inputs();
  const placed = mounts.map((mount) => ({ ...mount, input: numbers.add(mount.origin) }));
  const written = [...placed.map((mount) => writtenMount(mount, version)), ...writtenSecrets(op, version)];
  const operation = operationDigest({
    Type: "buildkit.exec.v0",
    Exec: {
      meta: metaOf(op),
      ...filled({
        // Old versions forgot mounts. A step that has none goes on without them, so that their caches stay good.
        mounts: written.length === 1 ? [] : written,
        network: networks[op.network],
        security: op.security === undefined ? 0 : 1,
        secretenv: op.mounts.flatMap(writtenVariable),
        cdiDevices: devices.map((device) => filled({ ...device })),
      }),
    },
    OS: platform.os,
    Arch: platform.architecture,
    ...filled({ Variant: platform.variant }),
  });
  const secrets = version.secretInput === 0 ? written.length - placed.length : 0;
  return {
    operation,
    inputs: numbers.all.map((origin, input) =>
      readInput(
        origin,
        placed.filter((each) => each.input === input),
        input === 0 ? secrets : 0,
      ),
    ),
  };
}

/** What is mounted from somewhere, in the order in which BuildKit does that. */
function mountsOf(
  { mounts, scripts, settings }: ExecOp,
  inputs: ExecPlace["inputs"],
  version: Version,
): readonly Mount[] {
  const usual = { origin: undefined, path: root, readonly: false, kind: {} };
  const own = mounts.flatMap((mount): readonly Mount[] => {
    const { target } = mount;
    if (target === undefined) return [];
    switch (mount.type) {
      case "bind":
        return [{ ...usual, target, origin: inputs[mount.input], path: mount.source, readonly: mount.readonly }];
      case "cache":
        return [
          { ...usual, target, ...beginning(mount, inputs, version), readonly: mount.readonly, kind: cacheKind(mount) },
        ];
      case "tmpfs":
        return [{ ...usual, target, kind: tmpfsKind(mount.size) }];
      default:
        return [];
    }
  });
  const files = scripts.map((file) => ({
    ...usual,
    target: `${scriptDirectory}/`,
    origin: inlineFile(file, 0o755),
    readonly: true,
  }));
  const memory =
    settings?.shmSize === undefined ? [] : [{ ...usual, target: "/dev/shm", kind: tmpfsKind(settings.shmSize) }];
  const all = [{ ...usual, target: root, origin: inputs[0] }, ...own, ...files, ...memory];
  return all.sort((a, b) => (a.target < b.target ? -1 : 1));
}

type CacheMount = Extract<StepMount, { readonly type: "cache" }>;

/** What an empty cache starts with: a directory that is made, where it has a mode or an owner. */
function beginning(
  { from, isOwned, mode, uid, gid }: CacheMount,
  inputs: ExecPlace["inputs"],
  version: Version,
): Pick<Mount, "origin" | "path"> {
  const base = from && inputs[from.input];
  if (isOwned === undefined) return { origin: base, path: from?.source ?? root };
  return { origin: cacheDirectory({ mode, uid, gid }, base, version), path: ownedDirectory };
}

/** A cache that is called as where it is counts as another than one that is called otherwise, whatever its name. */
function cacheKind({ id, target, sharing }: CacheMount): Mount["kind"] {
  const isUsual = id === target && sharing === "shared";
  return { mountType: types.cache, cacheOpt: filled({ ID: isUsual ? `/${id}` : "" }) };
}

function tmpfsKind(size: number | undefined): Mount["kind"] {
  return { mountType: types.tmpfs, TmpfsOpt: filled({ size }) };
}

function writtenMount({ target, input, readonly, kind }: Mount & { readonly input: number }, version: Version): object {
  const output = target === root ? goesOn : noOutput;
  return written({ input, dest: target, output }, { readonly, ...kind }, version);
}

/** Secrets and agents come after all other mounts. */
function writtenSecrets({ mounts }: ExecOp, version: Version): readonly object[] {
  const secrets = mounts.flatMap((mount) => {
    if (mount.type !== "secret" || mount.target === undefined) return [];
    const { id: ID, uid, gid, mode, required, target: dest } = mount;
    const secretOpt = filled({ ID, uid, gid, mode, optional: !required });
    return [{ dest, kind: { mountType: types.secret, secretOpt } }];
  });
  const agents = mounts.flatMap((mount) => {
    if (mount.type !== "ssh") return [];
    const { id, uid, gid, mode, required, target: dest } = mount;
    // The default one has no name.
    const SSHOpt = filled({ ID: id === "default" ? "" : id, uid, gid, mode, optional: !required });
    return [{ dest, kind: { mountType: types.ssh, SSHOpt } }];
  });
  return [...secrets, ...agents].map(({ dest, kind }) =>
    written({ input: version.secretInput, dest, output: 0 }, kind, version),
  );
}

function written(
  { input, dest, output }: { readonly input: number; readonly dest: string; readonly output: number },
  rest: Readonly<Record<string, unknown>>,
  { zeros }: Version,
): object {
  return zeros ? { input, ...filled({ dest }), output, ...filled(rest) } : filled({ input, dest, output, ...rest });
}

function writtenVariable(mount: StepMount): readonly object[] {
  if (mount.type !== "secret" || mount.env === undefined) return [];
  return [filled({ ID: mount.id, name: mount.env, optional: !mount.required })];
}

function metaOf({ args, env, cwd, user, mounts, settings = {} }: ExecOp): object {
  const { extraHosts = [], hostname, ulimits = [], cgroupParent } = settings;
  const agent = mounts.find((mount) => mount.type === "ssh");
  const isSet = env.some((pair) => pair.startsWith("SSH_AUTH_SOCK="));
  return filled({
    args,
    env: agent === undefined || isSet ? env : [...env, `SSH_AUTH_SOCK=${agent.target}`],
    cwd,
    user,
    // Their addresses don't count.
    extraHosts: extraHosts.map((host) => filled({ Host: host.slice(0, host.indexOf(":")) })),
    hostname,
    ulimit: ulimits.map(({ name, soft, hard }) => filled({ Name: name, Soft: soft, Hard: hard })),
    cgroupParent,
    removeMountStubsRecursive: true,
  });
}

/**
 * What is read of an input by all that is mounted of it.
 *
 * @param secrets how many secrets count as mounts of it
 */
function readInput(origin: Origin, mounts: readonly Mount[], secrets: number): DefinedInput {
  const paths = [...mounts.map(({ path }) => join("/", path)), ...new Array<string>(secrets).fill(root)];
  const selector = digestOf(paths.join("\0"));
  // As in BuildKit the last one decides. A whole file system isn't read for a name.
  if (secrets > 0 || mounts.at(-1)?.target === root) return { origin, selector };
  const read = withoutNested(paths);
  const all: Selector = { path: root, followsLinks: false, isPattern: false, exclude: [] };
  const content = read.includes(root) ? [all] : read.map((path) => ({ ...all, path, followsLinks: true }));
  return { origin, selector, content };
}
