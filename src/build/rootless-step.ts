import { join } from "node:path/posix";
import { textOf } from "../archive/byte-string.ts";
import { BerthError } from "../base/errors.ts";
import { findDelegation, openDelegation } from "../host/delegated-cgroup.ts";
import type { Host } from "../host/host.ts";
import { lacking, lackOfIds, lackOfNamespace, ownIds } from "../host/user-namespaces.ts";
import type { ChainID } from "../oci/digest.ts";
import type { SpecUser } from "../oci/runtime-spec.ts";
import type { ExecOp } from "./graph.ts";
import type { OpDeps } from "./op-deps.ts";
import { neededControllers } from "./step-limits.ts";

/** What a step is to run with. */
export interface WantedStep {
  readonly op: ExecOp;
  readonly user: SpecUser;
}

/**
 * Refuse what a step can't have where berth isn't root of the machine, before anything is made for it.
 *
 * @throws {BerthError} failed-precondition, naming what is missing
 */
export async function checkRootlessStep({ rootless }: Pick<Host, "rootless">, wanted: WantedStep): Promise<void> {
  if (!rootless) return;
  const { op, user } = wanted;
  const lack = await lackOfNamespace();
  if (lack !== undefined) throw lacking("RUN needs to mount its file system, and can't", lack);
  if (op.security === "insecure") {
    throw needsRoot(
      "security.insecure gives a step the rights of root of this machine",
      "Leave out --security=insecure",
    );
  }
  checkIds("the step runs as", user);
  for (const mount of op.mounts) if ("uid" in mount) checkIds(`its ${mount.type} mount belongs to`, mount);
}

/**
 * The cgroup that steps' own are made in, from the hierarchy's root. Where berth isn't root of the machine it is one that was delegated to
 * the user, for steps that need it; undefined for those that don't.
 *
 * @throws {BerthError} failed-precondition, naming the controller or the right that is missing
 */
export function cgroupOfSteps(
  { rootless, cgroup }: Pick<Host, "rootless" | "cgroup">,
  limits: Parameters<typeof neededControllers>[0],
): string | undefined {
  const { cgroupParent = "berth/build" } = limits.settings ?? {};
  if (!rootless) return join("/", cgroupParent);
  const controllers = neededControllers(limits);
  if (controllers === undefined) return undefined;
  const found = findDelegation(cgroup, controllers);
  if ("lack" in found) throw lacking("limits of steps need cgroups", found.lack);
  openDelegation(found.path, controllers);
  return join(found.path, cgroupParent);
}

/**
 * What a step has to be told of: with one ID the files of others look like root's to it, and a copy that it makes of them is root's.
 * Undefined where that is of no account.
 */
export async function strangersBelow(deps: OpDeps, parent: ChainID | undefined): Promise<string | undefined> {
  if (!deps.host.rootless || ownIds() > 1) return undefined;
  for (let chainID = parent; chainID !== undefined; ) {
    const layer = deps.snapshotter.find(chainID);
    if (layer === undefined) return undefined;
    for (const { path, uid, gid } of await deps.snapshotter.manifest(layer)) {
      if (uid === 0 && gid === 0) continue;
      const { remedy } = lackOfIds() ?? { remedy: "" };
      return `WARNING: /${textOf(path)} belongs to ${uid}:${gid}, and 0 is the only ID that there is: this step sees it, and what else isn't root's, as root's, and so are copies that it makes. ${remedy}\n`;
    }
    chainID = layer.parent;
  }
  return undefined;
}

const idTrouble = /invalid argument|operation not permitted|setgroups|seteuid|setegid/i;

/** What to do about a step that failed where there is but one ID, and said something that may come of it. */
export function idAdvice({ rootless }: Pick<Host, "rootless">, said: readonly string[]): string | undefined {
  if (!rootless || !said.some((line) => idTrouble.test(line)) || ownIds() > 1) return undefined;
  const lack = lackOfIds();
  if (lack === undefined) return undefined;
  return `0 is the only ID that steps have, so that they can't give files to others or become others: ${lack.what}. ${lack.remedy}`;
}

function checkIds(what: string, { uid, gid, additionalGids = [] }: SpecUser): void {
  const ids = ownIds();
  const missing = [uid, gid, ...(ids === 1 ? [] : additionalGids)].find((id) => id >= ids);
  if (missing === undefined) return;
  const full = `${what} ${uid}:${gid}, and ${ids === 1 ? "0 is the only ID" : `${ids - 1} is the highest ID`} that there is`;
  throw lacking(
    full,
    lackOfIds() ?? {
      what: `${missing} is none of yours`,
      remedy: "Add subordinate IDs in /etc/subuid and /etc/subgid",
    },
  );
}

function needsRoot(what: string, instead: string): BerthError {
  return new BerthError("failed-precondition", what, { hint: `${instead}, or build as root.` });
}
