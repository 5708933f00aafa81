import type { ChainID } from "../oci/digest.ts";
import type { CacheInput } from "./config.ts";
import { contentRecord, operationRecord, type StepInput, type StepKey } from "./step-key.ts";

/** A step that a build has, and what it made. */
export interface ExportedStep {
  readonly step: StepKey;
  readonly chainID: ChainID | undefined;
  /** When it ran, RFC 3339; absent for sources, whose layers are theirs. */
  readonly created?: string;
}

/** A record of BuildKit's. Links are numbers of such records, those before it. */
export interface StepRecord {
  readonly digest: string;
  readonly inputs: readonly (readonly CacheInput[])[];
  readonly result?: { readonly chainID: ChainID; readonly created: string };
}

/** The records by which BuildKit finds steps, those that they read from first. A step of whose input nothing is known has none. */
export async function stepRecords(steps: readonly ExportedStep[]): Promise<readonly StepRecord[]> {
  const records: StepRecord[] = [];
  const results = new Map(
    steps.flatMap(({ step, chainID, created }) =>
      chainID === undefined || created === undefined ? [] : [[step, { chainID, created }]],
    ),
  );
  /** Records without inputs: steps may read the same. */
  const roots = new Map<string, number>();
  const done = new Map<StepKey, Promise<readonly number[]>>();

  const add = (record: StepRecord): number => records.push(record) - 1;
  const addRoot = (digest: string): number => {
    const link = roots.get(digest) ?? add({ digest, inputs: [] });
    roots.set(digest, link);
    return link;
  };
  const visit = (step: StepKey): Promise<readonly number[]> => {
    const visiting = done.get(step) ?? write(step);
    done.set(step, visiting);
    return visiting;
  };
  const write = async (step: StepKey): Promise<readonly number[]> => {
    const result = results.get(step);
    const written: number[] = [];
    for (const { operation, inputs } of step.forms) {
      const digest = operationRecord(operation);
      const links = await linksOf(inputs);
      if (inputs.length === 0 && result === undefined) written.push(addRoot(digest));
      else if (links !== undefined) written.push(add({ digest, inputs: links, ...(result && { result }) }));
    }
    return written;
  };
  /** What leads to each input; undefined where nothing leads to one. */
  const linksOf = async (inputs: readonly StepInput[]): Promise<StepRecord["inputs"] | undefined> => {
    const all: (readonly CacheInput[])[] = [];
    for (const { step, selector, content } of inputs) {
      const named = step === undefined ? [] : await visit(step);
      // What has a name needs no other: equal builds write the same, whether they have the content or not.
      const links =
        named.length > 0
          ? named.map((link) => ({ link, ...(selector && { selector }) }))
          : ((await content?.()) ?? []).map((digest) => ({ link: addRoot(contentRecord(digest)) }));
      if (links.length === 0) return undefined;
      all.push(links);
    }
    return all;
  };
  for (const { step } of steps) await visit(step);
  return records;
}
