import type { Digest } from "../../oci/digest.ts";
import type { Graph, Op } from "../graph.ts";
import { withoutCredentials } from "../redact.ts";

/** One step of a build, in the words of BuildKit's definitions. @see buildkit docs/attestations/slsa-definitions.md */
export interface ProvenanceStep {
  readonly id: string;
  readonly op: object;
  readonly inputs?: readonly string[];
}

/** The steps of a target, and which vertex is which. No secret is in them: mounts name secrets by their ids. @param images references by the digests of image configs */
export function stepsOf(
  graph: Graph,
  images: ReadonlyMap<Digest, string>,
): { readonly llbDefinition: readonly ProvenanceStep[]; readonly digestMapping: Readonly<Record<string, string>> } {
  const ids = new Map([...graph.keys()].map((digest, place) => [digest, `step${place}`]));
  const llbDefinition = [...graph.values()].map(({ digest, op, inputs }) => ({
    id: ids.get(digest) ?? "",
    op: { Op: shown(op, images) },
    ...(inputs.length === 0 ? {} : { inputs: inputs.map((input) => `${ids.get(input)}:0`) }),
  }));
  return { llbDefinition, digestMapping: Object.fromEntries(ids) };
}

function shown(op: Op, images: ReadonlyMap<Digest, string>): object {
  switch (op.kind) {
    case "scratch":
      return { source: { identifier: "scratch" } };
    case "image":
      return { source: { identifier: `docker-image://${images.get(op.imageID) ?? op.imageID}` } };
    case "context":
      return { source: { identifier: `local://${op.name ?? "context"}` } };
    case "http":
      return { source: { identifier: withoutCredentials(op.url) } };
    case "git": {
      const place = [op.ref, op.subdir].filter((part) => part !== "").join(":");
      return { source: { identifier: `git://${withoutCredentials(op.remote)}${place === "" ? "" : `#${place}`}` } };
    }
    case "mkdir":
      return { file: { actions: [{ Action: { mkdir: { path: op.path, makeParents: true } } }] } };
    case "copy":
      return { file: { actions: op.sources.map((src) => ({ Action: { copy: { src, dest: op.destination } } })) } };
    case "exec": {
      const { args, env, cwd, user, network, mounts } = op;
      const meta = { args, env, cwd, ...(user === "" ? {} : { user }) };
      const mounted = mounts.map(({ type, ...mount }) => ({ mountType: type, dest: mount.target }));
      return { exec: { meta, network, ...(mounted.length === 0 ? {} : { mounts: mounted }) } };
    }
    default:
      return { other: (op satisfies never as Op).kind };
  }
}
