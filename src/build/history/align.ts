import type { PastStep } from "./past-build.ts";

/** Steps that only name what others read: they are no work of the build's own. */
const sources: ReadonlySet<string | undefined> = new Set([undefined, "image", "scratch", "context"]);

/** Whether a step is one of an instruction that makes a layer. */
export function isWork({ op }: Pick<PastStep, "op">): boolean {
  return !sources.has(op);
}

/** A step as its instruction says it, without its place: `RUN make`. */
export function instructionOf({ name }: Pick<PastStep, "name">): string {
  return name.replace(/^\[[^\]]*\] /, "");
}

/** The lines that come first stand first, whatever ran first. */
export function inFileOrder<Step extends Pick<PastStep, "span">>(steps: readonly Step[]): readonly Step[] {
  return steps.toSorted((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}

/**
 * Say which step of an earlier build each step is, by vertex: equal instructions in their order, as many as can be; what lies between
 * them by its keyword, from the top.
 */
export function alignSteps<Step extends Pick<PastStep, "vertex" | "name" | "span" | "op">>(
  now: readonly Step[],
  before: readonly PastStep[],
): ReadonlyMap<string, PastStep> {
  const [after, old] = [inFileOrder(now.filter(isWork)), inFileOrder(before.filter(isWork))];
  const pairs = new Map<string, PastStep>();
  let [nextAfter, nextOld] = [0, 0];
  const between = (endAfter: number, endOld: number): void => {
    pairByKeyword(after.slice(nextAfter, endAfter), old.slice(nextOld, endOld), pairs);
    [nextAfter, nextOld] = [endAfter + 1, endOld + 1];
  };
  for (const [i, j] of common(after.map(instructionOf), old.map(instructionOf))) {
    const [step, equal] = [after[i], old[j]];
    if (step === undefined || equal === undefined) continue;
    between(i, j);
    pairs.set(step.vertex, equal);
  }
  between(after.length, old.length);
  return pairs;
}

function pairByKeyword<Step extends Pick<PastStep, "vertex" | "name">>(
  after: readonly Step[],
  before: readonly PastStep[],
  pairs: Map<string, PastStep>,
): void {
  let next = 0;
  for (const step of after) {
    const index = before.findIndex((old, at) => at >= next && keywordOf(old) === keywordOf(step));
    const old = before[index];
    if (old === undefined) continue;
    pairs.set(step.vertex, old);
    next = index + 1;
  }
}

function keywordOf(step: Pick<PastStep, "name">): string {
  return instructionOf(step).split(/\s/, 1)[0] ?? "";
}

/** The longest common subsequence of two lists, as pairs of indices. */
function common(a: readonly string[], b: readonly string[]): readonly (readonly [number, number])[] {
  const lengthAt = commonLengths(a, b);
  const pairs: (readonly [number, number])[] = [];
  for (let [i, j] = [0, 0]; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengthAt(i + 1, j) >= lengthAt(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}

/** How long the longest common subsequence of the rest of two lists is, from an index of each. */
function commonLengths(a: readonly string[], b: readonly string[]): (i: number, j: number) => number {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  const lengthAt = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const isEqual = a[i] === b[j];
      lengths[i * width + j] = isEqual ? 1 + lengthAt(i + 1, j + 1) : Math.max(lengthAt(i + 1, j), lengthAt(i, j + 1));
    }
  return lengthAt;
}
