import { humanSize } from "../../base/human-size.ts";
import type { ImageFinding } from "../engine-types.ts";

/** What `image lint` and the guards find, for people: a paragraph each. */
export function findingsText(findings: readonly ImageFinding[]): string {
  return findings.map((finding) => `${lineOf(finding)}\n    ${finding.fix}\n`).join("");
}

/** The same for programs. */
export function findingsJSON(findings: readonly ImageFinding[]): string {
  const rows = findings.map(({ rule, what, fix, layer, path, bytes }) => ({
    ...{ Rule: rule, What: what, Fix: fix },
    ...{ Layer: layer ?? null, Path: path ?? null, Bytes: bytes ?? null },
  }));
  return `${JSON.stringify(rows)}\n`;
}

function lineOf({ rule, what, layer, path, bytes }: ImageFinding): string {
  const place = layer === undefined ? "" : ` layer ${layer}${path === undefined ? "" : `, ${path}`}:`;
  return `${rule}:${place} ${bytes === undefined ? "" : `${humanSize(bytes, 3)} in `}${what}`;
}
