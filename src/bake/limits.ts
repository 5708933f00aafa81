/**
 * What a bake definition may come to at most. Definitions are code that came with a repository: they may neither run for ever nor fill
 * the memory. `docs/hostile-input.md` tells users.
 */
export const bakeLimits: {
  readonly [Name in
    | "bytes"
    | "nesting"
    | "operators"
    | "steps"
    | "aliases"
    | "texts"
    | "calls"
    | "text"
    | "targets"
    | "match"]: number;
} = {
  /** Bytes of all files together. */
  bytes: 4 << 20,
  /** Brackets, blocks and templates in each other. */
  nesting: 100,
  /** Operators of one kind in a row, each of which holds those before it. */
  operators: 1000,
  /** Evaluated expressions and elements that are made on the way. */
  steps: 1_000_000,
  /** Uses of an anchor, times those of the anchors in it. Real compose files come to two hundred. */
  aliases: 1000,
  /** Characters of all texts of a compose file, which its anchors multiply. */
  texts: 64 << 20,
  /** Functions and references that wait for each other. */
  calls: 100,
  /** Characters of one text, which may grow by joining itself. */
  text: 4 << 20,
  /** Targets of one file, those of a matrix among them. */
  targets: 10_000,
  /** Milliseconds of one regular expression that can't be matched in linear time. */
  match: 1000,
};
