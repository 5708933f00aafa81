import { statSync } from "node:fs";
import { hexOf } from "../../oci/digest.ts";
import { parseReference, withDefaultTag } from "../../oci/reference.ts";
import { isCommit, parseGitReference } from "../git-reference.ts";
import type { Graph } from "../graph.ts";
import { withoutCredentials } from "../redact.ts";
import type { BaseImage } from "../resolve-stages.ts";
import { imageURL } from "./package-url.ts";

/** Something that an image was made of. */
export interface Material {
  readonly uri: string;
  /** By algorithm; absent where what came isn't told by a digest. */
  readonly digest?: Readonly<Record<string, string>>;
}

/** The images that something was made of. Where no registry has given one a digest, its ID is one. */
export function imageMaterials(images: readonly BaseImage[]): readonly Material[] {
  return images.map(({ name, id, digest = id, config: { os, architecture, variant } }) => {
    const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
    const uri = imageURL(withDefaultTag(parseReference(name)), platform);
    return { uri, digest: { sha256: hexOf(digest) } };
  });
}

/** What was fetched from addresses and repositories, each once; with a digest where the Dockerfile says one. */
export function fetchedMaterials(graph: Graph): readonly Material[] {
  const found = [...graph.values()].flatMap(({ op }) => {
    if (op.kind === "http") {
      const known = op.checksum === undefined ? {} : { digest: { sha256: hexOf(op.checksum) } };
      return [{ uri: withoutCredentials(op.url), ...known }];
    }
    return op.kind === "git" ? [gitMaterial(op)] : [];
  });
  return [...new Map(found.map((material) => [JSON.stringify(material), material])).values()];
}

/** Where a context that isn't of this machine came from; undefined for one that is. @param context as given */
export function contextMaterial(context: unknown): Material | undefined {
  if (typeof context !== "string" || statSync(context, { throwIfNoEntry: false })?.isDirectory() === true)
    return undefined;
  const reference = parseGitReference(context);
  if (reference !== undefined) return gitMaterial(reference);
  return /^https?:\/\//.test(context) ? { uri: withoutCredentials(context) } : undefined;
}

function gitMaterial({
  remote,
  ref,
  checksum = "",
}: {
  readonly remote: string;
  readonly ref: string;
  readonly checksum?: string;
}): Material {
  const uri = `${withoutCredentials(remote)}${ref === "" ? "" : `#${ref}`}`;
  const commit = [checksum, ref].find(isCommit);
  if (commit === undefined) return { uri };
  return { uri, digest: { [commit.length === 64 ? "sha256" : "sha1"]: commit } };
}
