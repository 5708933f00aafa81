import { BerthError } from "../base/errors.ts";
import { sha256 } from "../base/sha256.ts";

declare const digestBrand: unique symbol;

/** `sha256:` and 64 hex digits, validated. @see image-spec v1.1 descriptor.md#digests */
export type Digest = string & { readonly [digestBrand]: true };

/** Digest of an uncompressed layer archive. @see image-spec v1.1 config.md#layer-diffid */
export type DiffID = Digest & { readonly __role?: "diffID" };

/** Digest that names a stack of layers. @see image-spec v1.1 config.md#layer-chainid */
export type ChainID = Digest & { readonly __role?: "chainID" };

const form = /^sha256:[a-f0-9]{64}$/;

/** True when `text` is a well-formed digest. */
export function isDigest(text: string): text is Digest {
  return form.test(text);
}

/**
 * Read a content digest.
 *
 * @throws {BerthError} invalid-argument, when `text` is not `sha256:` and 64 lower-case hex digits
 * @see image-spec v1.1 descriptor.md#digests
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new BerthError("invalid-argument", `invalid digest ${JSON.stringify(text)}`);
  return text;
}

/** The digest of `bytes` (text as UTF-8). */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${sha256(bytes)}` as Digest;
}

/** The hex digits of a digest, without the algorithm. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/**
 * Name a stack of layers from the name of the stack below and the layer on top.
 *
 * `childChain(undefined, a)` is `a`; `childChain(c, b)` is the sha256 of `"c b"`, so that two images that
 * share their first n layers share their first n snapshots.
 *
 * @see image-spec v1.1 config.md#layer-chainid
 */
export function childChain(parent: ChainID | undefined, diffID: DiffID): ChainID {
  const bottom: Digest = diffID;
  return parent === undefined ? bottom : digestOf(`${parent} ${diffID}`);
}

/** The chainID of every prefix of `diffIDs`, bottom layer first. */
export function chainIDs(diffIDs: readonly DiffID[]): readonly ChainID[] {
  const chains: ChainID[] = [];
  for (const diffID of diffIDs) chains.push(childChain(chains.at(-1), diffID));
  return chains;
}
