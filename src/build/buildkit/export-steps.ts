import { type Operation, stoppedBy } from "../../base/operation.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RemoteCacheDeps } from "../../remote-cache/deps.ts";
import { type StepRecord, stepRecords } from "../../remote-cache/step-records.ts";
import type { SolvedBuild } from "../cache-exports.ts";
import { sourceIn } from "../ops.ts";
import type { Solved } from "../solve.ts";
import type { ContentSource } from "./content-digest.ts";
import { openStepKeys } from "./step-keys.ts";
import { StillTree } from "./still-tree.ts";

/** A build's steps by the names that BuildKit has for them. Where times are limited it has none: its files have theirs. */
export async function stepsToExport(
  deps: RemoteCacheDeps,
  build: SolvedBuild,
  operation: Operation,
): Promise<readonly StepRecord[]> {
  const { graph, solved, solving } = build;
  if (solving.epoch !== undefined) return [];
  const read = async (vertex: Digest): Promise<ContentSource | undefined> => {
    const found = solved.get(vertex);
    return found && contentOf(deps, build, found, operation);
  };
  const keys = openStepKeys(graph, read, solving.commits);
  const steps = [...graph.keys()].flatMap((vertex) => {
    const step = keys.keyOf(vertex);
    const { chainID, created } = solved.get(vertex) ?? {};
    return step === undefined ? [] : { step, chainID, ...(created === undefined ? {} : { created }) };
  });
  return await stepRecords(steps);
}

/** What isn't here isn't fetched for this. Files of a context that were changed meanwhile aren't those that steps saw. */
function contentOf(
  { host, snapshotter }: RemoteCacheDeps,
  { solving, solvedFrom }: SolvedBuild,
  solved: Solved,
  { signal }: Operation,
): ContentSource | undefined {
  if (solved.chainID !== undefined && snapshotter.find(solved.chainID) === undefined) return undefined;
  const { tree, owner } = sourceIn({ snapshotter }, solving, solved);
  const source = { syscalls: host.syscalls, tree, ...(owner && { owner }), ...stoppedBy(signal) };
  if (solved.context === undefined) return source;
  const still = new StillTree(tree, solvedFrom);
  return { ...source, tree: still, isStill: () => still.isStill };
}
