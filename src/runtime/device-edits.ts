import { BerthError } from "../base/errors.ts";
import type { CdiEdits, CdiHook, CdiNode } from "../host/cdi.ts";
import { deviceAt } from "../host/devices.ts";
import type { Hook, RuntimeSpec, SpecMount } from "../oci/runtime-spec.ts";

/**
 * A specification with what devices bring: variables, nodes, mounts, hooks, groups.
 *
 * @throws {BerthError} not-found, for a node that the machine hasn't; invalid-argument, for a hook that no runtime has
 * @see Container Device Interface, SPEC.md, "OCI Edits"
 */
export function withDevices(spec: RuntimeSpec, edits: readonly CdiEdits[]): RuntimeSpec {
  const nodes = edits.flatMap(({ deviceNodes }) => deviceNodes.map(nodeOf));
  const { process, linux, hooks } = spec;
  const { additionalGids = [] } = process.user;
  const gids = edits.flatMap((each) => each.additionalGids).filter((gid) => gid !== 0);
  return {
    ...spec,
    process: {
      ...process,
      env: [...process.env, ...edits.flatMap(({ env }) => env)],
      user: { ...process.user, additionalGids: [...new Set([...additionalGids, ...gids])] },
    },
    mounts: [...spec.mounts, ...edits.flatMap(({ mounts }) => mounts.map(mountOf))],
    linux: {
      ...linux,
      devices: [...(linux.devices ?? []), ...nodes.map(({ node }) => node)],
      resources: { ...linux.resources, devices: [...rulesOf(linux.resources), ...nodes.map(({ rule }) => rule)] },
    },
    hooks: hooksOf(
      hooks,
      edits.flatMap((each) => each.hooks),
    ),
  };
}

function rulesOf(resources: object): readonly unknown[] {
  return "devices" in resources && Array.isArray(resources.devices) ? resources.devices : [];
}

function nodeOf({
  path,
  hostPath = path,
  permissions: access = "rwm",
  ...given
}: CdiNode): Record<"node" | "rule", object> {
  const isWhole = given.type !== undefined && given.major !== undefined;
  const here = isWhole ? undefined : deviceAt(hostPath);
  if (!isWhole && here === undefined) throw new BerthError("not-found", `no such device: ${hostPath}`);
  const type = given.type ?? here?.type;
  const {
    major = here?.major,
    minor = here?.minor ?? 0,
    fileMode = here?.mode,
    uid = here?.uid,
    gid = here?.gid,
  } = given;
  return {
    node: { path, type, major, minor, fileMode, uid, gid },
    rule: { allow: true, type, major, minor, access },
  };
}

function mountOf({ hostPath, containerPath, type, options }: CdiEdits["mounts"][number]): SpecMount {
  const isBind = type === undefined || type === "bind";
  const binds = options.includes("bind") || options.includes("rbind");
  return {
    destination: containerPath,
    type: type ?? "bind",
    source: hostPath,
    options: isBind && !binds ? ["rbind", ...options] : options,
  };
}

const hookNames = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const;

function hooksOf(own: RuntimeSpec["hooks"], added: readonly CdiHook[]): NonNullable<RuntimeSpec["hooks"]> {
  const hooks: Partial<Record<(typeof hookNames)[number], readonly Hook[]>> = { ...own };
  for (const { hookName, ...hook } of added) {
    const name = hookNames.find((known) => known === hookName);
    if (name === undefined) throw new BerthError("invalid-argument", `invalid hook name ${JSON.stringify(hookName)}`);
    hooks[name] = [...(hooks[name] ?? []), hook];
  }
  return hooks;
}
