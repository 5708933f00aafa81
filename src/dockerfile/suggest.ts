/** How many insertions, deletions and replacements of one character turn `a` into `b` (Levenshtein). */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * The option that `word` most likely was meant to be: the nearest at a distance below 3, the first of several.
 * Undefined when none is near, or when `word` is one of them and so wasn't misspelt.
 */
export function suggestion(word: string, options: readonly string[]): string | undefined {
  if (options.includes(word)) return undefined;
  let best: string | undefined;
  let least = 3;
  for (const option of options) {
    // A difference in length is a lower bound, so that a huge word costs nothing.
    if (Math.abs(option.length - word.length) >= least) continue;
    const far = distance(word, option);
    if (far >= least) continue;
    best = option;
    least = far;
  }
  return best;
}

/** `message`, followed by ` (did you mean X?)` when there is a {@link suggestion}. */
export function withSuggestion(message: string, word: string, options: readonly string[]): string {
  const meant = suggestion(word, options);
  return meant === undefined ? message : `${message} (did you mean ${meant}?)`;
}
