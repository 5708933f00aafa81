import type { Operation } from "../base/operation.ts";
import type { CdiRegistry } from "../host/cdi.ts";
import { openEmulators } from "../host/emulators.ts";
import type { PreparedPull } from "../image/pull.ts";
import type { Networks } from "../network/networks.ts";
import type { Digest } from "../oci/digest.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Resources } from "../runtime/spec.ts";
import { Shells } from "../runtime/waiting-shell.ts";
import type { CacheImports } from "./cache-imports.ts";
import { type CopySource, planCopy } from "./copy-op.ts";
import { type FailedStep, planExec } from "./exec-op.ts";
import type { ResolvedGit } from "./git-checkout.ts";
import type { ImageOp, Vertex } from "./graph.ts";
import { planMkdir } from "./mkdir-op.ts";
import type { OpDeps } from "./op-deps.ts";
import type { Solved, StepOperation, Work } from "./solve.ts";
import type { SourceTree } from "./source-tree.ts";
import type { SshAgents } from "./ssh-agent.ts";
import { openStepNetworks } from "./step-network.ts";
import type { StepSecurity } from "./step-settings.ts";

/** What the operations of one build share. */
export interface OpOptions {
  readonly context: SourceTree;
  /** By name. */
  readonly contexts: ReadonlyMap<string, SourceTree>;
  /** Proxy settings as `NAME=value`: steps see them, keys don't. */
  readonly proxy: readonly string[];
  readonly resources?: Resources;
  readonly security?: StepSecurity;
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  readonly agents?: SshAgents;
  /** Ends what isn't a step yet: asking a repository what a branch is. */
  readonly signal?: AbortSignal;
  /** What repositories were found to have, by the vertices that ask. */
  readonly commits: Map<Digest, ResolvedGit>;
  /** The devices of this machine. */
  readonly registry: () => CdiRegistry;
  /** Images that have to be pulled before they are used; one may come by several names. */
  readonly pulls: readonly PreparedPull[];
  /** Where layers come from that hits name and that aren't here. */
  readonly imports?: Pick<CacheImports, "bring" | "fill" | "pullLater">;
  /** These as in {@link ExecDeps}. */
  readonly hostname?: string;
  readonly onFailed?: (failed: FailedStep) => void;
}

/** The operations of one build; disposing them takes down what steps shared. */
export interface Ops extends AsyncDisposable {
  plan(vertex: Vertex, inputs: readonly Solved[]): Work | Promise<Work>;
}

/** What a vertex came to, to read from it. */
export function sourceIn(
  { snapshotter }: Pick<OpDeps, "snapshotter">,
  { context, contexts }: Pick<OpOptions, "context" | "contexts">,
  { chainID, context: name }: Solved,
): CopySource {
  if (name !== undefined) return { tree: contexts.get(name) ?? context, key: undefined, owner: { uid: 0, gid: 0 } };
  return {
    get tree() {
      return snapshotter.view(chainID);
    },
    key: chainID ?? "scratch",
    ...(chainID === undefined ? {} : { chainID }),
  };
}

/** How each kind of vertex becomes work. */
export function openOps(
  deps: OpDeps & { readonly runtime: Runtime; readonly networks: Networks },
  options: OpOptions,
): Ops {
  const stepNetworks = openStepNetworks(deps);
  const emulators = openEmulators();
  const shells = new Shells(deps.host);
  const sourceOf = (solved: Solved): CopySource => sourceIn(deps, options, solved);
  const baseImage = async (op: ImageOp, vertex: Digest, operation: StepOperation): Promise<Solved> => {
    for (const pull of options.pulls.filter(({ id }) => id === op.imageID)) {
      if (options.imports?.pullLater(op.chainID, { pull, vertex }) === true) continue;
      const { pullBase } = await import("./pull-base.ts");
      await pullBase(pull, vertex, operation);
    }
    return { chainID: op.chainID };
  };
  const plan = ({ op, ...rest }: Vertex, inputs: readonly Solved[]): Work | Promise<Work> => {
    const [first, ...others] = inputs;
    const parent = first?.chainID;
    switch (op.kind) {
      case "scratch":
        return source({ chainID: undefined });
      case "image":
        return { keys: [], run: (operation) => baseImage(op, rest.digest, operation) };
      case "context":
        return source({ chainID: undefined, context: op.name ?? "" });
      case "mkdir":
        return planMkdir(deps, op, parent);
      case "copy":
        return planCopy(deps, op, { parent, sources: others.map(sourceOf) });
      case "http":
        return import("./http-op.ts").then(({ planHttp }) => planHttp({ ...deps, ...options }, op, rest.digest));
      case "git": {
        const onResolved = (found: ResolvedGit): unknown => options.commits.set(rest.digest, found);
        return import("./git-op.ts").then(({ planGit }) => planGit({ ...deps, ...options, onResolved }, op));
      }
      case "exec":
        return planExec(
          { ...deps, stepNetworks, emulators, shells, ...options },
          { ...rest, op },
          { parent, sources: inputs.map(sourceOf) },
        );
      default:
        return op satisfies never;
    }
  };
  const close = async (): Promise<void> => {
    shells[Symbol.dispose]();
    await emulators[Symbol.asyncDispose]();
    await stepNetworks[Symbol.asyncDispose]();
  };
  const { imports } = options;
  return {
    plan:
      imports === undefined
        ? plan
        : async (vertex, inputs) => bringingInputs(imports, { work: await plan(vertex, inputs), inputs, vertex }),
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Work whose inputs may not be here: they come when it runs, or when a name is made of what is in them. The first never is, but that of a copy
 * which reads a build context, too.
 */
function bringingInputs(
  imports: Pick<CacheImports, "bring">,
  { work, inputs, vertex }: { readonly work: Work; readonly inputs: readonly Solved[]; readonly vertex: Vertex },
): Work {
  const bring = (operation: Operation): Promise<void> => imports.bring(inputs, operation);
  const [, ...sources] = inputs;
  const readsAll = vertex.op.kind === "copy" && sources.some(({ context }) => context !== undefined);
  const keyed = readsAll ? sources : inputs;
  return {
    ...work,
    keys: work.keys.map((key, place) => async () => {
      if (place > 0 || readsAll) await imports.bring(keyed, {});
      return await key();
    }),
    run: async (operation) => {
      await bring(operation);
      return await work.run(operation);
    },
  };
}

/** A vertex that only names something. */
function source(solved: Solved): Work {
  return { keys: [], run: async () => solved };
}
