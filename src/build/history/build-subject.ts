import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { digestOf } from "../../oci/digest.ts";
import type { BuildOptions } from "../build.ts";
import { bareAddress } from "../redact.ts";
import { fileOfGraph } from "../typed/graph.ts";

type Subject = Pick<
  BuildOptions,
  "context" | "dockerfile" | "dockerfileText" | "graph" | "target" | "tags" | "buildArgs"
>;

/** What a list of builds calls one, and what it was built from. */
export interface BuildName {
  readonly name: string;
  readonly context: string;
  readonly dockerfile: string;
}

/** Name a build as buildx does: by its context's directory or its Dockerfile, and its target; or as `BUILDKIT_BUILD_NAME` says. */
export function buildName(options: Subject): BuildName {
  const { dockerfileText, graph, target = "", buildArgs = {} } = options;
  const context = contextOf(options);
  const usualFile = graph === undefined ? "Dockerfile" : (fileOfGraph(graph) ?? "-");
  const dockerfile = dockerfileText !== undefined ? "-" : bareAddress(options.dockerfile ?? usualFile);
  const place = basename(context);
  const usual = ["Dockerfile", "-"].includes(dockerfile) || dockerfile === join(context, "Dockerfile");
  const base = usual ? place : join(place, basename(dockerfile));
  const named = buildArgs["BUILDKIT_BUILD_NAME"];
  return { name: named || (target === "" ? base : `${base} (${target})`), context, dockerfile };
}

/** What makes builds comparable: where they read, and which target they build. @param stream names what came as a stream and gets no name */
export function subjectOf(options: Subject, stream = ""): string {
  const { dockerfile, target = "", tags = [] } = options;
  const context = contextOf(options);
  // Of streams nothing is known but what is made of them.
  const which = context !== "-" ? [] : tags.length > 0 ? tags : [stream];
  const file = dockerfile === undefined || context === "-" ? dockerfile : resolve(dockerfile);
  const usual = file === undefined || file === join(context, "Dockerfile");
  return digestOf(JSON.stringify([context, usual ? "" : file, target, which]));
}

/** Absolute; an address without the credentials that it may have. */
function contextOf({ context }: Pick<Subject, "context">): string {
  if (typeof context !== "string") return "-";
  return existsSync(context) ? resolve(context) : bareAddress(context);
}
