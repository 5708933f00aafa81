import { BerthError } from "../../base/errors.ts";
import { isObject } from "../../base/json-object.ts";
import type { Statement, StatementSubject } from "../../image/attestations.ts";
import type { MergedTree } from "../../snapshot/merged-tree.ts";

/** Where a generator writes. */
export const scanResults = "/run/out";

/** Most bytes of a statement, as BuildKit has it. */
const mostBytes = 40 << 20;

const predicateType = "https://spdx.dev/Document";

/**
 * What a generator has written: statements of in-toto about SPDX documents, that of the target first.
 *
 * @throws {BerthError} invalid-argument, in BuildKit's words
 * @see BuildKit, exporter/attestation/unbundle.go
 */
export function readScanResults(tree: MergedTree): readonly Statement[] {
  const names = tree.readdir(scanResults).toSorted();
  const isCore = (name: string): boolean => name.split(".")[0] === "sbom";
  const ordered = [...names.filter(isCore), ...names.filter((name) => !isCore(name))];
  return ordered.map((name) => readResult(tree, name));
}

function readResult(tree: MergedTree, name: string): Statement {
  const path = `${scanResults}/${name}`;
  const file = tree.lstat(path);
  if (file?.kind !== "file") throw wrong(`${path} is not a regular file`);
  if (file.stats.size > mostBytes) throw wrong(`${path} exceeds ${mostBytes} bytes`);
  const value = parsed(tree.readFile(path, mostBytes).toString("utf8"));
  if (!isObject(value)) throw wrong("cannot decode in-toto statement");
  const type = typeof value["predicateType"] === "string" ? value["predicateType"] : "";
  if (type !== predicateType)
    throw wrong(`bundle entry ${type} does not match required predicate type ${predicateType}`);
  const subject = subjectsOf(value["subject"]);
  return { predicateType, predicate: value["predicate"], file: name, ...(subject.length === 0 ? {} : { subject }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BerthError("invalid-argument", "cannot decode in-toto statement", { cause: error });
  }
}

function subjectsOf(value: unknown): readonly StatementSubject[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong("cannot decode in-toto statement");
  return value.map((each: unknown) => {
    if (!isObject(each)) throw wrong("cannot decode in-toto statement");
    const { name, digest } = each;
    const digests = isObject(digest) ? Object.entries(digest) : [];
    return {
      name: typeof name === "string" && name !== "" ? name : "_",
      digest: Object.fromEntries(digests.map(([algorithm, hex]) => [algorithm, String(hex)])),
    };
  });
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message, {
    hint: "An SBOM generator writes statements of in-toto, each with an SPDX document, to $BUILDKIT_SCAN_DESTINATION/NAME.spdx.json.",
  });
}
