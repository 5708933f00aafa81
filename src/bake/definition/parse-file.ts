import type { Body } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { parseHcl } from "../hcl/parse-body.ts";
import { parseJson } from "../hcl/parse-json.ts";

/** A file of a definition. */
export interface BakeFile {
  /** As it was given; `-` for standard input. */
  readonly name: string;
  readonly text: string;
}

/** Whether a file is of compose's kind by its name; undefined where the name doesn't tell. */
export function isComposeName(name: string): boolean | undefined {
  const lower = name.toLowerCase();
  if (lower.endsWith(".yml") || lower.endsWith(".yaml")) return true;
  return lower.endsWith(".json") || lower.endsWith(".hcl") ? false : undefined;
}

/** Read a file of HCL, in either of its syntaxes. @throws {HclError} */
export function parseBakeFile({ name, text }: BakeFile): Body {
  if (name.endsWith(".json")) return parseJson({ name, text });
  if (name.endsWith(".hcl")) return parseHcl({ name, text });
  try {
    return parseHcl({ name: `${name}.hcl`, text });
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    try {
      return parseJson({ name: `${name}.json`, text });
    } catch {
      throw error;
    }
  }
}
