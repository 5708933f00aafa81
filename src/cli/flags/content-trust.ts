import type { Flag } from "./flag.ts";
import { parseBool } from "./go-values.ts";

/** `--disable-content-trust`, which berth takes for what it does anyway. */
export function contentTrust(description: string): Flag<boolean | undefined> {
  return { description, alone: "true", initial: undefined, shownDefault: "true", read: readContentTrust };
}

function readContentTrust(given: string): boolean {
  if (parseBool(given)) return true;
  throw new Error("berth doesn't sign or verify images yet");
}
