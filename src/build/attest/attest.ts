import type { Operation } from "../../base/operation.ts";
import type { Statement } from "../../image/attestations.ts";
import type { ChainID } from "../../oci/digest.ts";
import type { BuildOptions } from "../build.ts";
import type { DockerfileSource } from "../build-error.ts";
import type { PlatformTarget } from "../lower-platforms.ts";
import type { OpDeps } from "../op-deps.ts";
import { internalStep } from "../progress.ts";
import { type BuildFacts, provenance } from "./provenance.ts";
import { sbom } from "./sbom.ts";
import { directoriesOf, versionControl } from "./vcs.ts";

/** A target that was built. */
export interface AttestedTarget extends PlatformTarget {
  readonly chainID: ChainID | undefined;
  /** RFC 3339. */
  readonly created: string;
}

/** Says what is asked for of targets. */
export type Attester = (target: AttestedTarget) => Promise<readonly Statement[]>;

/** What is said of the targets of a build that has ended, each once. */
export function openAttester(
  deps: OpDeps,
  options: BuildOptions,
  { dockerfile, startedAt }: Pick<BuildFacts, "startedAt"> & { readonly dockerfile: DockerfileSource },
): Attester {
  const operation: Operation = options.signal === undefined ? {} : { signal: options.signal };
  const finishedAt = Date.now();
  let facts: Promise<BuildFacts> | undefined;
  const said = new Map<PlatformTarget["lowered"], Promise<readonly Statement[]>>();
  const factsOnce = (): Promise<BuildFacts> => {
    facts ??= versionControl(directoriesOf(options, dockerfile), operation).then((vcs) => {
      return { options, dockerfile, startedAt, finishedAt, vcs };
    });
    return facts;
  };
  const say = async (target: AttestedTarget): Promise<readonly Statement[]> => {
    const { attestations = {} } = options;
    const statements: Statement[] = [];
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
