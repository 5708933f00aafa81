import { version } from "../../base/version.ts";
import { runnable } from "../../host/emulators.ts";
import { hostPlatform, knownArchitectures, platformText } from "../../oci/platform.ts";
import { builderName } from "../flags/builder.ts";

/** The one builder, as buildx tells of builders: there is nothing to start or to connect to. */
export interface Builder {
  readonly name: string;
  readonly driver: string;
  readonly endpoint: string;
  readonly status: string;
  readonly version: string;
  /** What `RUN` steps can be for, this machine's first. */
  readonly platforms: readonly string[];
}

/** What berth is as a builder. Looks for the QEMUs that are installed. */
export function theBuilder(): Builder {
  const others = runnable(knownArchitectures).filter((each) => each !== hostPlatform.architecture);
  return {
    name: builderName,
    driver: "berth",
    endpoint: builderName,
    status: "running",
    version: `berth ${version}`,
    platforms: [hostPlatform, ...others.map((architecture) => ({ os: "linux", architecture }))].map(platformText),
  };
}
