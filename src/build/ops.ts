import type { Networks } from "../network/networks.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Resources } from "../runtime/spec.ts";
import { type CopySource, planCopy } from "./copy-op.ts";
import { planExec } from "./exec-op.ts";
import type { Vertex } from "./graph.ts";
import { planMkdir } from "./mkdir-op.ts";
import type { OpDeps } from "./op-deps.ts";
import type { Solved, Work } from "./solve.ts";
import type { SourceTree } from "./source-tree.ts";
import { openStepNetworks } from "./step-network.ts";

/** What the operations of one build share. */
export interface OpOptions {
  readonly context: SourceTree;
  /** Proxy settings as `NAME=value`: steps see them, keys don't. */
  readonly proxy: readonly string[];
  readonly resources?: Resources;
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
}

/** The operations of one build; disposing them takes down what steps shared. */
export interface Ops extends AsyncDisposable {
  plan(vertex: Vertex, inputs: readonly Solved[]): Work;
}

/** How each kind of vertex becomes work. */
export function openOps(
  deps: OpDeps & { readonly runtime: Runtime; readonly networks: Networks },
  options: OpOptions,
): Ops {
  const stepNetworks = openStepNetworks(deps);
  const sourceOf = (solved: Solved): CopySource =>
    solved.isContext === true
      ? { tree: options.context, key: undefined, owner: { uid: 0, gid: 0 } }
      : {
          tree: deps.snapshotter.view(solved.chainID),
          key: solved.chainID ?? "scratch",
          ...(solved.chainID === undefined ? {} : { chainID: solved.chainID }),
        };
  const plan = ({ op, ...rest }: Vertex, inputs: readonly Solved[]): Work => {
    const [first, ...others] = inputs;
    const parent = first?.chainID;
    switch (op.kind) {
      case "scratch":
        return source({ chainID: undefined });
      case "image":
        return source({ chainID: op.chainID });
      case "context":
        return source({ chainID: undefined, isContext: true });
      case "mkdir":
        return planMkdir(deps, op, parent);
      case "copy":
        return planCopy(deps, op, { parent, ...(others[0] === undefined ? {} : { source: sourceOf(others[0]) }) });
      case "exec":
        return planExec(
          { ...deps, stepNetworks, ...options },
          { ...rest, op },
          { parent, sources: inputs.map(sourceOf) },
        );
      default:
        return op satisfies never;
    }
  };
  return { plan, [Symbol.asyncDispose]: () => stepNetworks[Symbol.asyncDispose]() };
}

/** A vertex that only names something. */
function source(solved: Solved): Work {
  return { keys: [], run: async () => solved };
}
