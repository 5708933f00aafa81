import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { sha256 } from "../base/sha256.ts";
import type { RuntimeSpec } from "../oci/runtime-spec.ts";

/** crun's own: takes a compiled filter in place of the profile. */
const annotation = "run.oci.seccomp_bpf_data";

/**
 * A specification whose seccomp profile need not be compiled again: crun takes 12 ms for Docker's, and leaves the result
 * beside its state, before it starts the process. The first container of a profile keeps that by a hook after the start;
 * those after it are given it.
 *
 * @param runtimeState crun's directory for this container
 * @param kept directory of the compiled filters; it ends with a reboot, as the kernel's features count
 */
export function withCompiledFilter(spec: RuntimeSpec, runtimeState: string, kept: string): RuntimeSpec {
  if (spec.linux.seccomp === undefined) return spec;
  const path = join(kept, sha256(JSON.stringify(spec.linux.seccomp)));
  const filter = readIfThere(path);
  if (filter !== undefined) return { ...spec, annotations: { [annotation]: filter.toString("base64") } };
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  // A hook that fails, or doesn't read the state that it is told, fails the start; another container may have been first.
  const keep = 'cat >/dev/null; ln "$1" "$2" 2>/dev/null || :';
  const args = ["sh", "-c", keep, "sh", join(runtimeState, "seccomp.bpf"), path];
  return { ...spec, hooks: { poststart: [{ path: "/bin/sh", args }] } };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
