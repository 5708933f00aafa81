import type { CacheConfig, CacheInput } from "./config.ts";
import { contentRecord, operationRecord, type StepForm, type StepInput, type StepKey } from "./step-key.ts";

/** Finds steps among the records of a cache that BuildKit wrote. Each is looked for once. */
export interface StepMatcher {
  /** Numbers of the records that are of this very step on this very content; none where there are none. */
  match(step: StepKey): Promise<ReadonlySet<number>>;
}

/** A matcher for a cache. What berth wrote has names that say more: {@link importedCache} asks for none then. */
export function openStepMatcher(records: CacheConfig["records"]): StepMatcher {
  const byDigest = new Map<string, number[]>();
  for (const [index, { digest }] of records.entries()) {
    const same = byDigest.get(digest);
    if (same === undefined) byDigest.set(digest, [index]);
    else same.push(index);
  }
  const known = new Map<StepKey, Promise<ReadonlySet<number>>>();

  const match = (step: StepKey): Promise<ReadonlySet<number>> => {
    const found = known.get(step) ?? find(step);
    known.set(step, found);
    return found;
  };
  const find = async ({ forms }: StepKey): Promise<ReadonlySet<number>> => {
    const found = new Set<number>();
    for (const form of forms) for (const index of await findForm(form)) found.add(index);
    return found;
  };
  const findForm = async ({ operation, inputs }: StepForm): Promise<readonly number[]> => {
    const candidates = byDigest.get(operationRecord(operation)) ?? [];
    let matching = candidates.filter((index) => (records[index]?.inputs?.length ?? 0) === inputs.length);
    for (const [place, input] of inputs.entries()) {
      if (matching.length === 0) break;
      const linksOf = (index: number): readonly CacheInput[] => records[index]?.inputs?.[place] ?? [];
      const isInput = await openInput(input, matching.flatMap(linksOf));
      matching = matching.filter((index) => linksOf(index).some(isInput));
    }
    return matching;
  };
  /** What tells the links that lead to an input. Content is looked at where no other name is found, and some record has such a name. */
  const openInput = async (
    { step, selector, content }: StepInput,
    links: readonly CacheInput[],
  ): Promise<(link: CacheInput) => boolean> => {
    const named = step === undefined ? new Set<number>() : await match(step);
    const isNamed = (link: CacheInput): boolean => (link.selector ?? "") === selector && named.has(link.link);
    if (content === undefined || links.some(isNamed)) return isNamed;
    const isContent = ({ link, selector: part }: CacheInput): boolean =>
      part === undefined && (records[link]?.inputs?.length ?? 0) === 0;
    if (!links.some(isContent)) return isNamed;
    const digests = new Set<string>((await content()).map(contentRecord));
    return (link) => isContent(link) && digests.has(records[link.link]?.digest ?? "");
  };
  return { match };
}
