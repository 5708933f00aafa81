import { parseDockerfile } from "../dockerfile/parse.ts";
import type { BuildOptions } from "./build.ts";
import type { DockerfileSource } from "./build-error.ts";
import { dockerfileFrontend } from "./dockerfile/frontend.ts";
import type { Frontend } from "./frontend.ts";
import { typedFrontend } from "./typed/frontend.ts";

/** What a build's stages are read from. @throws {DockerfileError} */
export function openFrontend(source: DockerfileSource, { graph }: Pick<BuildOptions, "graph">): Frontend {
  return graph === undefined ? dockerfileFrontend(parseDockerfile(source.text)) : typedFrontend(graph, source);
}
