import { type Digest, digestOf } from "../../oci/digest.ts";
import { hostPlatform, type Platform } from "../../oci/platform.ts";
import type { StepForm, StepInput, StepKey } from "../../remote-cache/step-key.ts";
import type { ResolvedGit } from "../git-checkout.ts";
import type { GitOp, Graph, ImageOp, Vertex } from "../graph.ts";
import { type ContentSource, contentDigests, type Selector } from "./content-digest.ts";
import { type DefinedInput, type Definition, type Origin, type Version, versions } from "./definition.ts";
import { execDefinition } from "./exec-definition.ts";
import { type CopiedFrom, copyDefinition, mergeDefinition, mkdirDefinition } from "./file-definition.ts";
import { filled, goJson } from "./operation.ts";

/** What a vertex came to, to read from it; undefined where that isn't known or isn't here. */
export type ContentOf = (vertex: Digest) => Promise<ContentSource | undefined>;

/** The steps of a graph as BuildKit names them. Nothing is read before somebody asks for content. */
export interface StepKeys {
  /** Undefined for what BuildKit has no name for, or berth doesn't know which. */
  keyOf(vertex: Digest): StepKey | undefined;
}

/** Names for the steps of a graph. @param commits what repositories have, by vertex: those that were asked */
export function openStepKeys(
  graph: Graph,
  contentOf: ContentOf,
  commits: ReadonlyMap<Digest, ResolvedGit> = new Map(),
): StepKeys {
  const known = new Map<Digest, StepKey | undefined>();
  const keyOf = (digest: Digest): StepKey | undefined => {
    const vertex = graph.get(digest);
    if (vertex === undefined) throw new Error(`no vertex ${digest} in the graph`);
    if (!known.has(digest)) known.set(digest, make(vertex));
    return known.get(digest);
  };
  const make = (vertex: Vertex): StepKey | undefined => {
    if (vertex.op.kind === "image") return imageKey(vertex.op, vertex.source);
    const found = commits.get(vertex.digest);
    if (vertex.op.kind === "git") return found && gitKey(vertex.op, found);
    const forms = versions
      .map((version) => definitionOf(vertex, version))
      .flatMap((each) => (each ? [form(each)] : []));
    const distinct = [...new Map(forms.map((each) => [each.operation, each])).values()];
    return distinct.length === 0 ? undefined : { forms: distinct };
  };
  const definitionOf = (vertex: Vertex, version: Version): Definition | undefined => {
    const { op } = vertex;
    const inputs = vertex.inputs.map(origin);
    const [base] = inputs;
    switch (op.kind) {
      case "mkdir":
        return mkdirDefinition(op, base, version);
      case "exec":
        return execDefinition(
          op,
          { inputs, platform: platformOf(graph, vertex), devices: vertex.devices ?? [] },
          version,
        );
      case "copy": {
        const sources = vertex.inputs.map((input) => ({ origin: origin(input), kind: sourceKind(input) }));
        if (vertex.link !== true || base === undefined) return copyDefinition(op, { base, sources }, version);
        const copied = copyDefinition(op, { base: undefined, sources }, version);
        return copied && mergeDefinition(base, copied, version);
      }
      default:
        return undefined;
    }
  };
  const sourceKind = (digest: Digest): CopiedFrom["kind"] => {
    const kind = graph.get(digest)?.op.kind;
    return kind === "http" || kind === "git" ? kind : "files";
  };
  /** The empty file system is no input. */
  const origin = (digest: Digest): Origin | undefined =>
    graph.get(digest)?.op.kind === "scratch" ? undefined : digest;
  const form = ({ operation, inputs }: Definition): StepForm => ({ operation, inputs: inputs.map(inputOf) });
  const inputOf = ({ origin: from, selector, content }: DefinedInput): StepInput => {
    if (typeof from !== "string") return { step: { forms: [form(from)] }, selector };
    return { step: keyOf(from), selector, ...(content && { content: () => read(from, content) }) };
  };
  const read = async (from: Digest, content: readonly Selector[]): Promise<readonly Digest[]> => {
    const source = await contentOf(from);
    return source === undefined ? [] : await contentDigests(source, content);
  };
  return { keyOf };
}

/** An image is named by its manifest, and by its layers. @see BuildKit source/containerimage/pull.go */
function imageKey({ chainID }: ImageOp, source: Vertex["source"]): StepKey | undefined {
  const manifest = source && goJson({ Digest: source.digest, ...platformFields(source.platform) });
  const names = [...(manifest === undefined ? [] : [digestOf(manifest)]), ...(chainID === undefined ? [] : [chainID])];
  return names.length === 0 ? undefined : sourceKey(names);
}

/** A checkout is named by its commit; where its repository is kept, by the branch or tag, too. @see BuildKit source/git/source.go */
function gitKey(op: GitOp, { commit, name }: ResolvedGit): StepKey | undefined {
  const { subdir, keepGitDir, submodules, commitTime } = op;
  // BuildKit passes that over.
  if (commitTime === true) return undefined;
  const parts = [
    ...[commit, keepGitDir === true ? ".git" : "", keepGitDir === true && name !== undefined ? `#${name}` : ""],
    subdir === "" ? "" : `:${subdir}`,
    submodules === false ? "(skip-submodules)" : "",
  ];
  return sourceKey([parts.join("")]);
}

function sourceKey(names: readonly string[]): StepKey {
  return { forms: names.map((name) => ({ operation: digestOf(`buildkit.source.v0:${name}`), inputs: [] })) };
}

function platformFields(platform: Platform): object {
  const { os, architecture, variant } = normalized(platform);
  return { OS: os, Arch: architecture, ...filled({ Variant: variant }) };
}

/** What a step's programs are for, as the image was asked for that it stands on; undefined where the variant would have to be known. */
function platformOf(graph: Graph, vertex: Vertex): Platform | undefined {
  const { architecture = hostPlatform.architecture } = vertex;
  let base: Vertex | undefined = vertex;
  while (base !== undefined && base.source === undefined) base = below(graph, base);
  const asked = base?.source?.platform;
  if (asked?.architecture === architecture) return normalized(asked);
  return plainArchitectures.has(architecture) ? { os: "linux", architecture } : undefined;
}

/** The file system that a vertex stands on. */
function below(graph: Graph, { inputs: [base] }: Vertex): Vertex | undefined {
  return base === undefined ? undefined : graph.get(base);
}

/** Those of which nearly all images have no variant. */
const plainArchitectures: ReadonlySet<string> = new Set(
  "amd64 arm64 386 ppc64le s390x riscv64 mips64le loong64".split(" "),
);

/** The usual variant of an architecture isn't told; of arm it always is. @see containerd platforms normalizeArch */
function normalized({ os, architecture, variant = "" }: Platform): Platform {
  const named = /^\d$/.test(variant) ? `v${variant}` : variant;
  const known = architecture === "arm" && named === "" ? "v7" : named;
  return known === "" || known === usualVariants[architecture]
    ? { os, architecture }
    : { os, architecture, variant: known };
}

const usualVariants: Readonly<Record<string, string>> = { amd64: "v1", arm64: "v8" };
