import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a manifest or an index names. */
export interface Described {
  readonly digest: string;
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: object;
}

/** A statement of in-toto. */
export interface Statement {
  readonly _type: string;
  readonly predicateType: string;
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicate: Record<string, unknown>;
}

/** What a layout's directory holds: an index, and what attests to each image, told by its place. */
export function attestedIn(layout: string): {
  readonly entries: readonly Described[];
  readonly texts: readonly string[];
} {
  const blob = (digest: string): string => readFileSync(join(layout, "blobs", digest.replace(":", "/")), "utf8");
  const [top] = JSON.parse(readFileSync(join(layout, "index.json"), "utf8")).manifests;
  const entries: readonly Described[] = JSON.parse(blob(top.digest)).manifests;
  const attested = entries.filter(({ annotations }) => annotations?.["vnd.docker.reference.type"] !== undefined);
  const layers = attested.flatMap(({ digest }) => JSON.parse(blob(digest)).layers as Described[]);
  return { entries, texts: layers.map(({ digest }) => blob(digest)) };
}

/** Statements of their texts. */
export const parsed = (texts: readonly string[]): readonly Statement[] => texts.map((text) => JSON.parse(text));
