import { type Position, TemplateError } from "./nodes.ts";

/** The error for a template that doesn't fit its data, as Go words it. */
export function failureAt({ line, column, source }: Position, reason: string): TemplateError {
  return new TemplateError(`template: :${line}:${column}: executing "" at <${source}>: ${reason}`);
}
