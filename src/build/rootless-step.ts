import { BerthError } from "../base/errors.ts";
import type { Host } from "../host/host.ts";
import { lacking, lackOfIds, lackOfNamespace, ownIds } from "../host/user-namespaces.ts";
import type { SpecUser } from "../oci/runtime-spec.ts";
import type { Resources } from "../runtime/spec.ts";
import type { ExecOp } from "./graph.ts";

/** What a step is to run with. */
export interface WantedStep {
  readonly op: ExecOp;
  readonly user: SpecUser;
  readonly resources?: Resources;
}

/**
 * Refuse what a step can't have where berth isn't root of the machine, before anything is made for it.
 *
 * @throws {BerthError} failed-precondition, naming what is missing
 */
export async function checkRootlessStep({ rootless }: Pick<Host, "rootless">, wanted: WantedStep): Promise<void> {
  if (!rootless) return;
  const { op, user, resources = {} } = wanted;
  const lack = await lackOfNamespace();
  if (lack !== undefined) throw lacking("RUN needs to mount its file system, and can't", lack);
  if (Object.keys(resources).length > 0 || op.settings?.cgroupParent !== undefined) {
    throw needsRoot(
      "limits of steps need cgroups, which only root can make",
      "Leave out the limits and --cgroup-parent",
    );
  }
  if (op.security === "insecure") {
    throw needsRoot(
      "security.insecure gives a step the rights of root of this machine",
      "Leave out --security=insecure",
    );
  }
  checkIds(user);
}

function checkIds({ uid, gid, additionalGids = [] }: SpecUser): void {
  const ids = ownIds();
  const missing = [uid, gid, ...(ids === 1 ? [] : additionalGids)].find((id) => id >= ids);
  if (missing === undefined) return;
  const what = `the step runs as ${uid}:${gid}, and ${ids === 1 ? "0 is the only ID" : `${ids - 1} is the highest ID`} that there is`;
  throw lacking(
    what,
    lackOfIds() ?? {
      what: `${missing} is none of yours`,
      remedy: "Add subordinate IDs in /etc/subuid and /etc/subgid",
    },
  );
}

function needsRoot(what: string, instead: string): BerthError {
  return new BerthError("failed-precondition", what, { hint: `${instead}, or build as root.` });
}
