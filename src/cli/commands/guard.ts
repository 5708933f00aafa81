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

/** An image that was just made and has no name yet. */
export interface NewImage {
  readonly id: string;
  /** Names, and what each is to lead to: the image, or an index with it. */
  readonly names: readonly (readonly [name: string, id: string])[];
}

/** Name an image in which nothing is found; else it goes again. @throws {CliError} with what is found */
export async function guardNew(
  images: Images,
  { id, names }: NewImage,
  operation: { readonly signal: AbortSignal },
): Promise<void> {
  try {
    await guard(images, id, operation);
  } catch (error) {
    const { references } = images.get(id);
    if (references.length === 0) await images.remove(id, { prune: false });
    throw error;
  }
  for (const [name, target] of names) await images.tag(target, name);
}
