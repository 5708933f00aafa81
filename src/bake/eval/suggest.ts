import { suggestion } from "../../dockerfile/suggest.ts";

/** ` Did you mean "x"?`, where a name is near; empty otherwise. */
export function didYouMean(name: string, options: readonly string[]): string {
  const meant = suggestion(name, options);
  return meant === undefined ? "" : ` Did you mean ${JSON.stringify(meant)}?`;
}
