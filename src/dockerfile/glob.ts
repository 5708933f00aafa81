// Wildcards without backtracking: patterns and texts come from strangers, and a regular expression made of several
// `.*` takes exponential time on the wrong text. All states advance together, so the time is steps x characters.

/** One step of a pattern. */
export interface GlobStep {
  /** Whether this step may stand for `char` (one code point). */
  readonly takes: (char: string) => boolean;
  /** True when it stands for any number of characters, none included. */
  readonly repeats?: true;
  /** A step that stands for nothing itself: this many steps, it first, may be left out together. */
  readonly skips?: number;
}

/** Where in the text the pattern was found: from `start` up to, but without, `end`. */
export interface GlobMatch {
  readonly start: number;
  readonly end: number;
}

/** Where to look, and which of several matches to take. */
export interface FindOptions {
  /** Index to start at (0). */
  readonly from?: number;
  /** True when a match must start right there; otherwise the leftmost one is taken. */
  readonly anchored?: boolean;
  /** True to take the shortest match at that place instead of the longest. */
  readonly shortest?: boolean;
}

/** Find the pattern in a text given as code points. */
export function findGlob(
  steps: readonly GlobStep[],
  chars: readonly string[],
  options: FindOptions = {},
): GlobMatch | undefined {
  const { from = 0, anchored = false, shortest = false } = options;
  const states = noStates(steps);
  let best: GlobMatch | undefined;
  for (let at = from; at <= chars.length; at++) {
    const settled = anchored || best !== undefined;
    if (at === from || !settled) enter(states, 0, at);
    leaveOut(steps, states);
    best = better(best, states, at);
    if (best !== undefined && shortest) break;
    const alive = advance(steps, states, { char: chars[at], latest: best?.start });
    if (!alive && settled) break;
  }
  return best;
}

/** Of two matches the leftmost wins, then the later one, which is the longer. */
function better(best: GlobMatch | undefined, states: readonly number[], end: number): GlobMatch | undefined {
  const start = states.at(-1) ?? Infinity;
  return start <= (best?.start ?? end) ? { start, end } : best;
}

/** True when the pattern stands for the whole text. */
export function matchesGlob(steps: readonly GlobStep[], chars: readonly string[]): boolean {
  return findGlob(steps, chars, { anchored: true })?.end === chars.length;
}

/** Where the leftmost attempt began that now waits at each step; the last state is that of having matched. */
function noStates(steps: readonly GlobStep[]): number[] {
  return new Array<number>(steps.length + 1).fill(Infinity);
}

function enter(states: number[], state: number, start: number): void {
  states[state] = Math.min(states[state] ?? Infinity, start);
}

function leaveOut(steps: readonly GlobStep[], states: number[]): void {
  for (const [i, step] of steps.entries()) {
    const start = states[i] ?? Infinity;
    if (step.repeats || step.skips) enter(states, i + 1, start);
    if (step.skips) enter(states, i + step.skips, start);
  }
}

/** Take one character; attempts that began after `latest` are given up. False when none goes on. */
function advance(
  steps: readonly GlobStep[],
  states: number[],
  input: { readonly char: string | undefined; readonly latest: number | undefined },
): boolean {
  const waiting = states.splice(0, states.length, ...noStates(steps));
  const { char, latest = Number.MAX_SAFE_INTEGER } = input;
  let alive = false;
  if (char === undefined) return alive;
  for (const [i, step] of steps.entries()) {
    const start = waiting[i] ?? Infinity;
    if (start > latest || !step.takes(char)) continue;
    enter(states, step.repeats ? i : i + 1, start);
    alive = true;
  }
  return alive;
}
