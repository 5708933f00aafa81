import { BerthError, isKind } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { familiar, familiarRepository, parseReference, type Reference } from "../oci/reference.ts";
import { findTarget, type ImageDeps } from "./images.ts";
import type { Target } from "./resolve.ts";

/** An image to save, and the names that go with it. */
export interface NamedImage extends Target {
  readonly references: readonly Reference[];
}

/**
 * The images that names mean, each once, with the names that are saved: the one that was given, all tags of a repository
 * that was given without one, and none for an ID or a digest.
 *
 * @throws {BerthError} not-found
 */
export function namesSaved(deps: ImageDeps, names: readonly string[]): readonly NamedImage[] {
  const images = new Map<Digest, Target & { readonly named: Map<string, Reference> }>();
  for (const name of names) {
    for (const { id, index, references } of meant(deps, name)) {
      const known = images.get(index ?? id) ?? { id, index, named: new Map<string, Reference>() };
      for (const reference of references) known.named.set(familiar(reference), reference);
      images.set(index ?? id, known);
    }
  }
  return [...images.values()].map(({ named, ...target }) => ({ ...target, references: [...named.values()] }));
}

function meant(deps: ImageDeps, name: string): readonly NamedImage[] {
  const reference = referenceIn(name);
  if (reference !== undefined && reference.tag === undefined && reference.digest === undefined) {
    const tagged = tagsOf(deps, reference);
    if (tagged.length > 0) return tagged;
  }
  const target = targetNamed(deps, name, reference);
  const own = reference !== undefined && reference.digest === undefined && isName(deps, reference);
  return [{ ...target, references: own ? [reference] : [] }];
}

function isName({ db }: ImageDeps, reference: Reference): boolean {
  const row = db.read((sql) => sql.get("SELECT 1 FROM image_reference WHERE reference = ?", familiar(reference)));
  return row !== undefined;
}

/** Docker's `save` has words of its own for what isn't there. */
function targetNamed(deps: ImageDeps, name: string, reference: Reference | undefined): Target {
  try {
    return findTarget(deps, name);
  } catch (error) {
    if (!isKind(error, "not-found") || reference === undefined) throw error;
    const exact = reference.tag !== undefined || reference.digest !== undefined;
    throw new BerthError("not-found", exact ? "reference does not exist" : `No such image: ${name}`, {
      hint: `No image is called ${name}. \`berth image ls\` lists those that are there.`,
      cause: error,
    });
  }
}

/** Every image of a repository, by its tags' order. */
export function tagsOf(deps: Pick<ImageDeps, "db">, repository: Reference): readonly NamedImage[] {
  const rows = deps.db.read((sql) =>
    sql.all<{ reference: string; image_id: Digest; index_digest: Digest | null }>(
      "SELECT reference, image_id, index_digest FROM image_reference ORDER BY reference",
    ),
  );
  return rows.flatMap(({ reference: text, image_id: id, index_digest: index }) => {
    const reference = parseReference(text);
    const same = familiarRepository(reference) === familiarRepository(repository) && reference.tag !== undefined;
    return same ? [{ id, index: index ?? undefined, references: [reference] }] : [];
  });
}

/** An ID is no name. */
function referenceIn(name: string): Reference | undefined {
  if (name.startsWith("sha256:")) return undefined;
  try {
    return parseReference(name);
  } catch (error) {
    if (error instanceof BerthError) return undefined;
    throw error;
  }
}
