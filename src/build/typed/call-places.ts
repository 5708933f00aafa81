import { fileURLToPath } from "node:url";
import { getCallSites } from "node:util";

/** Where a call stood. */
export interface CallPlace {
  /** Path. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/** Calls that are looked at: helpers of a program between its own file and the library. */
const mostCalls = 20;

/** Where the program called, the innermost first. @param own calls of the library that lie between, this one with them */
export function callPlaces(own: number): readonly CallPlace[] {
  return getCallSites(mostCalls)
    .slice(own)
    .flatMap(({ scriptName, lineNumber }) => {
      const file = scriptName.startsWith("file:") ? fileURLToPath(scriptName) : scriptName;
      return file.startsWith("/") ? [{ file, line: lineNumber }] : [];
    });
}
