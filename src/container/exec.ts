import { BerthError } from "../base/errors.ts";
import type { ProcessSpec } from "../oci/runtime-spec.ts";
import type { AttachIO } from "../runtime/attach.ts";
import { dockerCapabilities } from "../runtime/capabilities.ts";
import type { ExecProcess } from "../runtime/exec-process.ts";
import { confinementOf, securityIn } from "../runtime/security.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { environmentOf, userIn } from "./process.ts";
import { findContainer } from "./records.ts";
import { useServed } from "./whole.ts";

/** One more process in a running container. */
export interface ExecRequest {
  readonly args: readonly string[];
  /** `NAME=value`, on top of the container's. */
  readonly env: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly terminal: boolean;
}

/**
 * Run a process in a container.
 *
 * @returns the connection to its streams; undefined without `io`, which runs it with none
 * @throws {BerthError} conflict `container … is not running`; {@link StartError} with 126 or 127
 */
export async function execInContainer(
  deps: ContainerDeps,
  id: string,
  { request, io }: { readonly request: ExecRequest; readonly io: AttachIO | undefined },
): Promise<ExecProcess | undefined> {
  const container = findContainer(deps, id);
  const { state } = container;
  if (state.status === "paused") {
    throw new BerthError("conflict", `Container ${id} is paused, unpause the container before exec`);
  }
  if (state.status !== "running") throw new BerthError("conflict", `container ${container.id} is not running`);
  using _served = await useServed(deps, container.coming);
  const snapshot = await deps.snapshotter.open(container.id, container.chainID);
  const process = (): ProcessSpec => processSpec(container, snapshot.view(), request);
  return await deps.runtime.exec({ id: container.id, terminal: request.terminal, process }, io);
}

function processSpec({ config, request: own }: Container, tree: MergedTree, request: ExecRequest): ProcessSpec {
  const { user, home } = userIn(tree, request.user ?? config.User ?? "", own.groupAdd);
  const capabilities = dockerCapabilities({
    add: own.capAdd,
    drop: own.capDrop,
    privileged: own.privileged,
    uid: user.uid,
  });
  return {
    terminal: request.terminal,
    user,
    args: request.args,
    env: environmentOf(config.Env ?? [], {
      home,
      hostname: config.hostname,
      terminal: request.terminal,
      extra: request.env,
    }),
    cwd: request.workingDir ?? (config.WorkingDir || "/"),
    capabilities,
    ...confinementOf(securityIn(own.securityOpt)),
  };
}
