import { randomID } from "../base/ids.ts";
import { type ChainID, digestOf } from "../oci/digest.ts";
import { ownerOf } from "./chown.ts";
import type { MkdirOp } from "./graph.ts";
import type { OpDeps } from "./op-deps.ts";
import { RootWriter } from "./root-writer.ts";
import type { Work } from "./solve.ts";

/** The work of `WORKDIR`: a layer with the directory and its parents, an empty one when it is there. */
export function planMkdir(deps: OpDeps, op: MkdirOp, parent: ChainID | undefined): Work {
  return {
    keys: [async () => digestOf(JSON.stringify(["mkdir", op, parent]))],
    run: async (operation) => {
      await using snapshot = await deps.snapshotter.prepare(`build-${randomID()}`, parent);
      const writer = new RootWriter(deps, snapshot);
      writer.mkdirAll(op.path, op.user === "" ? undefined : ownerOf(snapshot.view(), op.user));
      const { chainID } = await snapshot.commit(operation);
      return { chainID };
    },
  };
}
