import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import type { Statement } from "../../image/attestations.ts";
import type { Digest } from "../../oci/digest.ts";
import { hostPlatform, platformText } from "../../oci/platform.ts";
import type { BuildOptions } from "../build.ts";
import type { DockerfileSource } from "../build-error.ts";
import { reachable } from "../graph.ts";
import type { PlatformTarget } from "../lower-platforms.ts";
import type { BaseImage } from "../resolve-stages.ts";
import { contextMaterial, fetchedMaterials, imageMaterials, type Material } from "./materials.ts";
import type { ProvenanceOptions } from "./options.ts";
import { stepsOf } from "./steps.ts";

/** What is known of a build when it has ended. */
export interface BuildFacts {
  readonly options: BuildOptions;
  readonly dockerfile: DockerfileSource;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly finishedAt: number;
  /** What listed the packages, where an image did. */
  readonly generator?: BaseImage | undefined;
  /** Of `versionControl`. */
  readonly vcs: Readonly<Record<string, string>>;
}

/** BuildKit's name of how it builds: the fields are those. */
const buildType = {
  v1: "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
  "v0.2": "https://mobyproject.org/buildkit@v1",
} as const;

/** How the image of a target was made. No secret is in it. @see https://slsa.dev/spec/v1.0/provenance, https://slsa.dev/spec/v0.2/provenance */
export function provenance(facts: BuildFacts, target: PlatformTarget, options: ProvenanceOptions): Statement {
  const parts = partsOf(facts, target, options);
  const predicateType = `https://slsa.dev/provenance/${options.version}`;
  return { predicateType, predicate: options.version === "v1" ? predicateV1(parts) : predicateV02(parts) };
}

/** All that there is to say of how the image of a target was made, as a predicate of version 0.2. */
export function wholeProvenance(facts: BuildFacts, target: PlatformTarget): Readonly<Record<string, unknown>> {
  return predicateV02(partsOf(facts, target, { mode: "max", version: "v0.2" }));
}

interface Parts {
  readonly builderID: string;
  readonly configSource: Partial<Material> & { readonly path: string };
  readonly request: object;
  readonly materials: readonly Material[];
  readonly steps: object | undefined;
  readonly metadata: object;
  readonly isComplete: boolean;
  readonly reproducible: boolean;
  readonly invocationID: string;
  readonly startedOn: string;
  readonly finishedOn: string;
}

function partsOf(facts: BuildFacts, target: PlatformTarget, options: ProvenanceOptions): Parts {
  const { options: build, dockerfile, vcs, generator = [] } = facts;
  const isMax = options.mode === "max";
  const fetched = contextMaterial(build.context);
  const graph = reachable(target.lowered.graph, target.lowered.output);
  // Where it lies on this machine is nobody's business.
  const filename = basename(dockerfile.name);
  const given = argsOf(build);
  const kept = isMax ? given : given.filter(([name]) => !/^(build-arg|label):/.test(name));
  const secrets = [...(build.secrets?.keys() ?? [])].map((id) => ({ id }));
  return {
    builderID: options.builderID ?? "",
    configSource: { ...fetched, path: filename },
    request: {
      frontend: dockerfile.language === undefined ? "dockerfile.v0" : "typescript.v0",
      ...(kept.length === 0 ? {} : { args: Object.fromEntries(kept) }),
      ...(isMax && secrets.length > 0 ? { secrets } : {}),
      ...(fetched === undefined ? { locals: [{ name: "context" }, { name: "dockerfile" }] } : {}),
    },
    materials: [
      ...imageMaterials([...imagesOf(target), generator].flat()),
      ...fetchedMaterials(graph),
      ...(fetched === undefined ? [] : [fetched]),
    ],
    steps: isMax ? stepsOf(graph, namesOf(target)) : undefined,
    metadata: { ...(Object.keys(vcs).length === 0 ? {} : { vcs }), ...(isMax ? sourceOf(facts) : {}) },
    isComplete: kept.length === given.length,
    reproducible: options.reproducible ?? false,
    invocationID: randomUUID().replaceAll("-", ""),
    startedOn: new Date(facts.startedAt).toISOString(),
    finishedOn: new Date(facts.finishedAt).toISOString(),
  };
}

/** What is built. A program that calls the library isn't for everybody's eyes, unless it is named as that. */
function sourceOf({ options: { graph, dockerfile: named }, dockerfile }: BuildFacts): object {
  if (graph !== undefined && named === undefined) return {};
  const { name, text, language = "Dockerfile" } = dockerfile;
  return { source: { infos: [{ filename: basename(name), language, data: base64(text) }] } };
}

/** What was asked for, under the names that BuildKit's frontend has. */
function argsOf(build: BuildOptions): readonly (readonly [name: string, value: string])[] {
  const { buildArgs = {}, labels = {}, target, noCache, network } = build;
  return [
    // A proxy's address may have a password, and is no part of what is built.
    ...Object.entries(buildArgs)
      .filter(([name]) => !/^(?:https?|ftp|no|all)_proxy$/i.test(name))
      .map(([name, value]) => [`build-arg:${name}`, value] as const),
    ...(network === undefined ? [] : [["force-network-mode", network] as const]),
    ...Object.entries(labels).map(([name, value]) => [`label:${name}`, value] as const),
    ...(noCache === true ? [["no-cache", ""] as const] : []),
    ...(target === undefined ? [] : [["target", target] as const]),
  ];
}

/** The images that it was made of, each once. */
function imagesOf({ lowered }: PlatformTarget): readonly BaseImage[] {
  return [...new Map([...lowered.resolved.images.values()].map((image) => [image.id, image])).values()];
}

function namesOf(target: PlatformTarget): ReadonlyMap<Digest, string> {
  return new Map(imagesOf(target).map(({ id, name }) => [id, name]));
}

function predicateV1(parts: Parts): object {
  const { materials, steps, isComplete, metadata } = parts;
  return {
    buildDefinition: {
      buildType: buildType.v1,
      externalParameters: { configSource: parts.configSource, request: parts.request },
      internalParameters: {
        builderPlatform: platformText(hostPlatform),
        ...(steps === undefined ? {} : { buildConfig: steps }),
      },
      resolvedDependencies: materials,
    },
    runDetails: {
      builder: { id: parts.builderID },
      metadata: {
        invocationId: parts.invocationID,
        startedOn: parts.startedOn,
        finishedOn: parts.finishedOn,
        buildkit_metadata: metadata,
        buildkit_completeness: { request: isComplete, resolvedDependencies: false },
        ...(parts.reproducible ? { buildkit_reproducible: true } : {}),
      },
    },
  };
}

function predicateV02(parts: Parts): Readonly<Record<string, unknown>> {
  const { materials, steps, isComplete, metadata } = parts;
  const { path, ...source } = parts.configSource;
  return {
    builder: { id: parts.builderID },
    buildType: buildType["v0.2"],
    materials,
    invocation: {
      configSource: { ...source, entryPoint: path },
      parameters: parts.request,
      environment: { platform: platformText(hostPlatform) },
    },
    ...(steps === undefined ? {} : { buildConfig: steps }),
    metadata: {
      buildInvocationID: parts.invocationID,
      buildStartedOn: parts.startedOn,
      buildFinishedOn: parts.finishedOn,
      completeness: { parameters: isComplete, environment: true, materials: false },
      reproducible: parts.reproducible,
      "https://mobyproject.org/buildkit@v1#metadata": metadata,
    },
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
