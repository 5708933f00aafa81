/** One line of `diff`: A added, C changed, D deleted. `path` is absolute inside the root. */
export interface Change {
  readonly kind: "A" | "C" | "D";
  readonly path: string;
}
