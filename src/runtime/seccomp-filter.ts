import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { RuntimeSpec } from "../oci/runtime-spec.ts";

/** crun's own: takes a compiled filter in place of the profile. */
const annotation = "run.oci.seccomp_bpf_data";

/**
 * A specification whose seccomp profile need not be compiled again: crun takes 12 ms for Docker's, and leaves the result
 * beside its state. The first container of a profile keeps that by a hook; those after it are given it.
 *
 * @param runtimeState crun's directory for this container
 * @param kept directory of the compiled filters; it ends with a reboot, as the kernel's features count
 */
export function withCompiledFilter(spec: RuntimeSpec, runtimeState: string, kept: string): RuntimeSpec {
  if (spec.linux.seccomp === undefined) return spec;
  const path = join(kept, createHash("sha256").update(JSON.stringify(spec.linux.seccomp)).digest("hex"));
  const filter = readIfThere(path);
  if (filter !== undefined) return { ...spec, annotations: { [annotation]: filter.toString("base64") } };
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const args = ["ln", "--force", join(runtimeState, "seccomp.bpf"), path];
  return { ...spec, hooks: { createRuntime: [{ path: "/bin/ln", args }] } };
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
