import { type Digest, digestOf } from "../../oci/digest.ts";
import { hostPlatform, type Platform } from "../../oci/platform.ts";
import type { StepForm, StepInput, StepKey } from "../../remote-cache/step-key.ts";
import type { Graph, ImageOp, Vertex } from "../graph.ts";
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

/** Names for the steps of a graph. */
export function openStepKeys(graph: Graph, contentOf: ContentOf): StepKeys {
  const known = new Map<Digest, StepKey | undefined>();
  const keyOf = (digest: Digest): StepKey | undefined => {
    const vertex = graph.get(digest);
    if (vertex === undefined) throw new Error(`no vertex ${digest} in the graph`);
    if (!known.has(digest)) known.set(digest, make(vertex));
    return known.get(digest);
  };
  const make = (vertex: Vertex): StepKey | undefined => {
    if (vertex.op.kind === "image") return imageKey(vertex.op, vertex.source);
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
        return execDefinition(op, { inputs, architecture: vertex.architecture ?? hostPlatform.architecture }, version);
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
  if (names.length === 0) return undefined;
  return { forms: names.map((name) => ({ operation: digestOf(`buildkit.source.v0:${name}`), inputs: [] })) };
}

function platformFields({ os, architecture, variant }: Platform): object {
  return { OS: os, Arch: architecture, ...filled({ Variant: variant }) };
}
