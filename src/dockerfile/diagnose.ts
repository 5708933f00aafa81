import type { Diagnostic, Span } from "./ast.ts";

/** A warning of one of BuildKit's rules, with the address of the page that explains it. */
export function diagnose(rule: string, message: string, span: Span): Diagnostic {
  const page = rule
    .replace(/([a-z])([A-Z])/g, "$1-$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();
  return { rule, message, span, url: `https://docs.docker.com/go/dockerfile/rule/${page}/` };
}
