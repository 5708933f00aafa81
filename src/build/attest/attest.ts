import type { Operation } from "../../base/operation.ts";
import type { Statement } from "../../image/attestations.ts";
import type { ChainID } from "../../oci/digest.ts";
import type { Platform } from "../../oci/platform.ts";
import type { BuildOptions } from "../build.ts";
import type { DockerfileSource } from "../build-error.ts";
import type { PlatformTarget } from "../lower-platforms.ts";
import type { OpDeps } from "../op-deps.ts";
import { internalStep } from "../progress.ts";
import { type BuildFacts, provenance, wholeProvenance } from "./provenance.ts";
import { sbom } from "./sbom.ts";
import { readScanResults } from "./scan-results.ts";
import { directoriesOf, versionControl } from "./vcs.ts";

/** A target that was built. */
export interface AttestedTarget extends PlatformTarget {
  readonly chainID: ChainID | undefined;
  /** RFC 3339. */
  readonly created: string;
}

/** A build that has ended. */
interface EndedBuild extends Pick<BuildFacts, "startedAt" | "generator"> {
  readonly dockerfile: DockerfileSource;
  /** What a generator has left of each target. */
  readonly scanned: (lowered: PlatformTarget["lowered"]) => ChainID | undefined;
}

/** Says what is asked for of targets. */
export type Attester = (target: AttestedTarget) => Promise<readonly Statement[]>;

/** How the image of one platform was made. */
export interface PlatformProvenance {
  readonly platform: Platform;
  /** SLSA's predicate of version 0.2, with all that there is to say. */
  readonly predicate: Readonly<Record<string, unknown>>;
}

/** How the targets of a build that has ended were made. */
export async function provenances(
  options: BuildOptions,
  about: Pick<BuildFacts, "startedAt"> & { readonly dockerfile: DockerfileSource },
  targets: readonly PlatformTarget[],
): Promise<readonly PlatformProvenance[]> {
  const operation: Operation = options.signal === undefined ? {} : { signal: options.signal };
  const vcs = await versionControl(directoriesOf(options, about.dockerfile), operation);
  const facts = { options, ...about, finishedAt: Date.now(), vcs };
  return targets.map((target) => ({ platform: target.platform, predicate: wholeProvenance(facts, target) }));
}

/** What is said of the targets of a build that has ended, each once. */
export function openAttester(deps: OpDeps, options: BuildOptions, { scanned, ...known }: EndedBuild): Attester {
  const operation: Operation = options.signal === undefined ? {} : { signal: options.signal };
  const finishedAt = Date.now();
  let facts: Promise<BuildFacts> | undefined;
  const said = new Map<PlatformTarget["lowered"], Promise<readonly Statement[]>>();
  const factsOnce = (): Promise<BuildFacts> => {
    facts ??= versionControl(directoriesOf(options, known.dockerfile), operation).then((vcs) => {
      return { ...known, options, finishedAt, vcs };
    });
    return facts;
  };
  const say = async (target: AttestedTarget): Promise<readonly Statement[]> => {
    const { attestations = {} } = options;
    const statements: Statement[] = [];
    if (typeof attestations.sbom === "object")
      statements.push(...readScanResults(deps.snapshotter.view(scanned(target.lowered))));
    if (attestations.sbom === true) {
      const { chainID, created } = target;
      const name = options.tags?.[0] ?? chainID ?? "scratch";
      const tree = deps.snapshotter.view(chainID);
      statements.push(await internalStep(options, "generating sbom", () => sbom({ tree, name, created }, operation)));
    }
    if (attestations.provenance !== undefined)
      statements.push(provenance(await factsOnce(), target, attestations.provenance));
    return statements;
  };
  return (target) => {
    const saying = said.get(target.lowered) ?? say(target);
    said.set(target.lowered, saying);
    return saying;
  };
}
