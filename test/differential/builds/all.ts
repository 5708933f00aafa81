import type { DebianRelease } from "../../support/docker.ts";
import { addCases } from "./add.ts";
import { cacheCases } from "./cache.ts";
import type { BuildCase } from "./case.ts";
import { contextCases } from "./contexts.ts";
import { copyCases } from "./copy.ts";
import { errorCases } from "./errors.ts";
import { metadataCases } from "./metadata.ts";
import { runCases } from "./run.ts";
import { variableCases } from "./variables.ts";

/** A case with the release whose Docker it is built beside. */
export interface PlacedCase extends BuildCase {
  readonly beside: DebianRelease;
}

/** Every case, whose names differ. */
export const buildCases: readonly PlacedCase[] = [
  ...beside("forky", [...copyCases, ...contextCases, ...cacheCases]),
  ...beside("trixie", [...addCases, ...runCases, ...variableCases, ...metadataCases, ...errorCases]),
];

function beside(release: DebianRelease, cases: readonly BuildCase[]): readonly PlacedCase[] {
  return cases.map((each) => ({ beside: release, ...each }));
}
