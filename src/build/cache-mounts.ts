import { existsSync } from "node:fs";
import { join } from "node:path";
import { lock } from "../host/lock.ts";
import { type Digest, digestOf, hexOf } from "../oci/digest.ts";
import type { MountToExport } from "../remote-cache/mounts.ts";
import { useLockPath } from "./cache-usage.ts";
import type { Graph, StepMount } from "./graph.ts";
import type { OpDeps } from "./op-deps.ts";
import type { Solved } from "./solve.ts";

type CacheMount = Extract<StepMount, { readonly type: "cache" }>;

/**
 * The name of a cache mount's directory. As in BuildKit, a cache that begins otherwise is another cache.
 *
 * @param origin what names the tree that it begins with; empty where it begins empty, undefined for the build context
 */
export function cacheMountName({ id, from, mode, uid, gid }: CacheMount, origin: string | undefined): string {
  return hexOf(digestOf(JSON.stringify([id, origin, from?.source, mode, uid, gid])));
}

/** The cache mounts of a build's steps that have something in them, whether the steps ran or not. */
export function mountsToExport(
  { host }: Pick<OpDeps, "host">,
  graph: Graph,
  solved: ReadonlyMap<Digest, Solved>,
): readonly MountToExport[] {
  const names = new Set<string>();
  for (const { op, inputs } of graph.values()) {
    if (op.kind !== "exec") continue;
    for (const mount of op.mounts)
      if (mount.type === "cache") names.add(cacheMountName(mount, originOf(mount, inputs, solved)));
  }
  const mounts = [...names].map((name) => ({ name, directory: join(host.root, "build-cache", name) }));
  return mounts.map(({ name, directory }) => ({
    name,
    directory: existsSync(directory) ? directory : undefined,
    hold: (operation) => lock(host.syscalls, useLockPath(directory), operation),
  }));
}

function originOf(
  { from }: CacheMount,
  inputs: readonly Digest[],
  solved: ReadonlyMap<Digest, Solved>,
): string | undefined {
  if (from === undefined) return "";
  const source = inputs[from.input];
  const found = source === undefined ? undefined : solved.get(source);
  if (found === undefined) throw new Error(`the step has no input ${from.input}`);
  return found.context === undefined ? (found.chainID ?? "scratch") : undefined;
}
