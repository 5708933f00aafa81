import type { Diagnostic, Dockerfile } from "./ast.ts";

export function lint(_file: Dockerfile): readonly Diagnostic[] {
  return [];
}
