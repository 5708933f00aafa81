import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import type { Mount } from "../host/mount.ts";
import type { RuntimeSpec } from "../oci/runtime-spec.ts";
import { enterFiles } from "./enter-script.ts";
import { withCompiledFilter } from "./seccomp-filter.ts";

/** Where crun keeps what it knows of containers, a directory each. */
export function runtimeState(host: Pick<Host, "runRoot">): string {
  return join(host.runRoot, "crun");
}

/** A directory with `config.json`, ready for a runtime. Disposing deletes it; {@link Bundle.keep} leaves it. @see runtime-spec v1.1 bundle.md */
export interface Bundle extends AsyncDisposable {
  /** Absolute. */
  readonly path: string;
  /** Script that puts the root file system together and becomes the runtime; see {@link enterFiles}. */
  readonly enter: string;
  /** The container gets a cgroup of its own. */
  readonly hasCgroup: boolean;
  /** Leave the bundle in place when it is disposed: its container goes on. */
  keep(): void;
}

/** What {@link createBundle} puts into a bundle. */
export interface BundleContent {
  /** The container's. */
  readonly id: string;
  readonly spec: RuntimeSpec;
  /** What the root file system is made of, bottom first. */
  readonly rootfs: readonly Mount[];
  readonly host: Pick<Host, "cgroup" | "runRoot">;
}

/** Write a bundle. `spec.root.path` is `rootfs`, a mount point that stays empty on the host. */
export async function createBundle(path: string, content: BundleContent): Promise<Bundle> {
  await mkdir(join(path, "rootfs"), { recursive: true, mode: 0o700 });
  const { host, id } = content;
  const { script, tables } = enterFiles({
    mounts: content.rootfs,
    directory: path,
    hideUnified: host.cgroup.hybrid,
  });
  const spec = withCompiledFilter(content.spec, join(runtimeState(host), id), join(host.runRoot, "seccomp"));
  const config = { path: join(path, "config.json"), text: JSON.stringify(spec) };
  await Promise.all([config, script, ...tables].map((file) => writeFile(file.path, file.text)));
  let kept = false;
  return {
    path,
    enter: script.path,
    hasCgroup: spec.linux.cgroupsPath !== undefined,
    keep: () => {
      kept = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (!kept) await rm(path, { recursive: true, force: true });
    },
  };
}
