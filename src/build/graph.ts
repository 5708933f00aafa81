import type { Span } from "../dockerfile/ast.ts";
import { type ChainID, type Digest, digestOf } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import type { GitReference } from "./git-reference.ts";
import type { ModeChange } from "./mode.ts";
import type { StepSettings } from "./step-settings.ts";

/** The file system of an image of the store; `chainID` is undefined when the image has no layers. */
export interface ImageOp {
  readonly kind: "image";
  readonly imageID: Digest;
  readonly chainID: ChainID | undefined;
}

/** The empty file system: `FROM scratch`. */
export interface ScratchOp {
  readonly kind: "scratch";
}

/** The build context, less what `.dockerignore` excludes. It has no content key: who reads it hashes what it selects. */
export interface ContextOp {
  readonly kind: "context";
  /** Of a named one. */
  readonly name?: string;
}

/** One mount of a `RUN` step. `input` is an index into the vertex's inputs. */
export type StepMount =
  | {
      readonly type: "bind";
      readonly input: number;
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
    }
  | {
      readonly type: "cache";
      readonly id: string;
      readonly target: string;
      readonly sharing: "shared" | "private" | "locked";
      readonly readonly: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      /** The mode or the owner was asked for. */
      readonly isOwned?: true;
      /** What an empty cache starts with, as it is there. With `isOwned` it may be missing. */
      readonly from?: { readonly input: number; readonly source: string };
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      /** Bytes; the kernel's default when absent. */
      readonly size?: number;
    }
  | {
      readonly type: "ssh";
      readonly id: string;
      readonly target: string;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  | {
      readonly type: "secret";
      readonly id: string;
      readonly target?: string;
      /** Environment variable that holds the secret. */
      readonly env?: string;
      readonly required: boolean;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

/** A command in a file system: `RUN`. Input 0 is the file system. */
export interface ExecOp {
  readonly kind: "exec";
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** As `USER` has it; root when empty. */
  readonly user: string;
  readonly network: "default" | "none" | "host";
  /** Absent for a step that is confined. */
  readonly security?: "insecure";
  /** Whole names of devices that it gets; absent without any. */
  readonly devices?: readonly string[];
  readonly mounts: readonly StepMount[];
  /** Scripts from here-documents, shown to the step below `/dev/pipes`. */
  readonly scripts: readonly InlineFile[];
  /** Absent where the command line gives none. */
  readonly settings?: StepSettings;
}

/** A file whose content is in the Dockerfile. */
export interface InlineFile {
  readonly name: string;
  readonly data: string;
}

/** A file behind an http or https address: a layer that has it below `/file`. */
export interface HttpOp {
  readonly kind: "http";
  /** It may have credentials in it. */
  readonly url: string;
  /** Of the file. */
  readonly name: string;
  readonly checksum?: Digest;
}

/** Where the layer of an {@link HttpOp} has the file. */
export const httpDirectory = "/file";

/** A commit of a git repository: a layer with its files. */
export interface GitOp extends Omit<GitReference, "isLikePath"> {
  readonly kind: "git";
}

/** Where a source of a copy is. */
export interface CopyOrigin {
  /** Index of the vertex's inputs. */
  readonly input: number;
  /** Extract it when it is a tar archive. */
  readonly unpack: boolean;
}

/** Files from input 1 (the context, a stage, an image) copied into input 0: `COPY` and `ADD`. */
export interface CopyOp {
  readonly kind: "copy";
  /** Paths and patterns in the source, absolute inside its root. With `parents`, `/./` ends the part that is not kept. */
  readonly sources: readonly string[];
  /** Files of here-documents; copied after `sources`. */
  readonly inline: readonly InlineFile[];
  /** Absolute inside the root; a slash or `/.` at its end means a directory. */
  readonly destination: string;
  /** `user[:group]`, names or numbers; the source's owner when absent. */
  readonly owner?: string;
  /** Permissions of everything that is copied, or how they change. */
  readonly mode?: ModeChange;
  /** Keep the parents of the sources below the destination. */
  readonly parents: boolean;
  /** Patterns of what to leave out, relative to each source. */
  readonly exclude: readonly string[];
  /** Extract sources that are tar archives. */
  readonly unpack: boolean;
  /** Where each of `sources` is, and whether it is extracted; absent where all are in input 1. */
  readonly origins?: readonly CopyOrigin[];
}

/** A directory made with its parents, left alone when it is there: `WORKDIR`. */
export interface MkdirOp {
  readonly kind: "mkdir";
  readonly path: string;
  /** As `USER` has it; root when empty. */
  readonly user: string;
}

/** What a vertex does. */
export type Op = ScratchOp | ImageOp | ContextOp | HttpOp | GitOp | ExecOp | CopyOp | MkdirOp;

/** One step of a build. Its digest covers the op and the inputs; the rest only describes it. */
export interface Vertex {
  readonly digest: Digest;
  readonly op: Op;
  readonly inputs: readonly Digest[];
  /** As progress shows it: `[2/4] RUN make`. Empty for what isn't worth telling. */
  readonly name: string;
  /** The instruction, when there is one. */
  readonly span?: Span;
  /** Look no result up. */
  readonly noCache?: boolean;
  /** What the programs of its file system are for; this machine when absent. */
  readonly architecture?: string;
  /** Names of those variables of a `RUN` that are arguments. */
  readonly args?: readonly string[];
  /** Of a `RUN` that asks for devices. */
  readonly devices?: readonly CountedDevice[];
  /** A copy with `--link`: BuildKit makes two steps of it. */
  readonly link?: boolean;
  /** Of an image what its registry has under its name, and what it was asked for; absent where that isn't known. */
  readonly source?: { readonly digest: Digest; readonly platform: Platform };
}

/** A device as BuildKit counts it in the name of a step. */
export interface CountedDevice {
  readonly name: string;
  readonly optional: boolean;
}

/** What describes a vertex beside its op and its inputs. */
export type VertexLabel = Omit<Vertex, "digest" | "op" | "inputs">;

/** What the target needs, inputs before the vertices that use them. */
export type Graph = ReadonlyMap<Digest, Vertex>;

/** Name a piece of work: equal ops on equal inputs have equal digests. */
function vertexDigest(op: Op, inputs: readonly Digest[]): Digest {
  return digestOf(JSON.stringify([op, inputs]));
}

/** A graph that grows, inputs first. */
export class GraphBuilder {
  readonly #vertices = new Map<Digest, Vertex>();

  /** The vertex for an op on inputs that were added before; the same one when it is there already. */
  add(op: Op, inputs: readonly Digest[], about: VertexLabel): Digest {
    const digest = vertexDigest(op, inputs);
    const known = this.#vertices.get(digest);
    if (known === undefined) this.#vertices.set(digest, { digest, op, inputs, ...about });
    else if (about.noCache === true) this.#vertices.set(digest, { ...known, noCache: true });
    return digest;
  }

  /** What was added so far. */
  get graph(): Graph {
    return this.#vertices;
  }
}

/** The part of `vertices` that `output` depends on, in their order. */
export function reachable(vertices: Graph, output: Digest): Graph {
  const wanted = new Set<Digest>();
  const visit = (digest: Digest): void => {
    if (wanted.has(digest)) return;
    wanted.add(digest);
    for (const input of vertices.get(digest)?.inputs ?? []) visit(input);
  };
  visit(output);
  return new Map([...vertices].filter(([digest]) => wanted.has(digest)));
}
