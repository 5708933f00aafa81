import { createHash } from "node:crypto";
import { createReadStream, lstatSync } from "node:fs";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bytesOf, pathOf, textOf } from "../../archive/byte-string.ts";
import type { WalkedFile } from "../../archive/walk.ts";
import type { Operation } from "../../base/operation.ts";
import type { Statement } from "../../image/attestations.ts";
import type { MergedTree } from "../../snapshot/merged-tree.ts";
import type { ProvenanceOptions } from "./options.ts";

/** What {@link attestationFiles} takes. */
export interface AttestedFiles {
  readonly tree: MergedTree;
  readonly statements: readonly Statement[];
  /** How the provenance is called, and whether it is there. */
  readonly provenance: ProvenanceOptions | undefined;
  /** In front of the end of each file's name: `.linux_arm64`, or nothing. */
  readonly mark: string;
  /** Seconds since the epoch. */
  readonly time: number;
  /** Where the files are written. */
  readonly directory: string;
}

/** Statements about the files of a tree, as files beside them. @see BuildKit, exporter/local */
export async function attestationFiles(
  { tree, statements, provenance, mark, time, directory }: AttestedFiles,
  { signal }: Operation,
): Promise<readonly WalkedFile[]> {
  const wanted = statements.flatMap((statement) => {
    const isProvenance = statement.predicateType.startsWith("https://slsa.dev/");
    if (isProvenance && provenance?.inlineOnly === true) return [];
    const usual = isProvenance ? (provenance?.filename ?? "provenance.json") : "sbom.spdx.json";
    return [{ statement, name: statement.file ?? usual }];
  });
  if (wanted.length === 0) return [];
  const about = await subjectsIn(tree, signal);
  const files: WalkedFile[] = [];
  for (const { statement, name } of wanted) {
    const { predicateType, predicate, subject = about } = statement;
    const marked = name.replace(/(\.[^.]*)?$/, (end) => `${mark}${end}`);
    const path = join(directory, marked.replaceAll("/", "_"));
    const value = { _type: "https://in-toto.io/Statement/v1", predicateType, subject, predicate };
    await writeFile(path, JSON.stringify(value, undefined, 2), { mode: 0o600 });
    await utimes(path, time, time);
    files.push({ name: bytesOf(marked), path: bytesOf(path), stats: lstatSync(path, { bigint: true }) });
  }
  return files;
}

async function subjectsIn(tree: MergedTree, signal: AbortSignal | undefined): Promise<readonly object[]> {
  const subjects: object[] = [];
  for (const { name, path, stats } of tree.walk()) {
    if (!stats.isFile()) continue;
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(pathOf(path), { highWaterMark: 1 << 20, ...(signal && { signal }) }))
      hash.update(chunk as Buffer);
    subjects.push({ name: textOf(name), digest: { sha256: hash.digest("hex") } });
  }
  return subjects;
}
