import { CliError } from "../cli-error.ts";
import type { Images } from "../engine-types.ts";
import { findingsText } from "../list/findings.ts";

/** Refuse an image that has secrets, or bytes twice. @throws {CliError} with what is found */
export async function guard(images: Images, image: string, operation: { readonly signal: AbortSignal }): Promise<void> {
  const findings = await images.lint(image, operation);
  if (findings.length === 0) return;
  throw new CliError(`${findingsText(findings)}ERROR: the guard found ${findings.length === 1 ? "this" : "these"}`, {
    hint: "`berth image lint` shows the same of any image; without --guard nothing is looked for.",
  });
}
