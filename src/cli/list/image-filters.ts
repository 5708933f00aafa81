import { compilePattern } from "../../build/go-match.ts";
import type { Engine } from "../../engine/engine.ts";
import type { ImageSummary } from "../engine-types.ts";
import {
  applyFilters,
  type Filter,
  hasLabel,
  momentOf,
  type Question,
  requireKnown,
  switchOf,
} from "../flags/filter.ts";
import { splitName } from "./image-row.ts";

/** Names of the filters of `images`. */
const known = ["before", "dangling", "label", "reference", "since", "until"];

/** What {@link filterImages} goes by. */
export interface ImageFilters {
  readonly given: readonly Filter[];
  /** Show images that only others are made from. */
  readonly all: boolean;
}

/**
 * The images that `images` lists, newest first, each with the names that fit.
 *
 * @throws {BerthError} invalid-argument or not-found, in Docker's words
 * @see moby daemon/images `Images`
 */
export function filterImages(images: Engine["images"], { given, all }: ImageFilters): readonly ImageSummary[] {
  requireKnown(given, known);
  const isDangling = switchOf(given, "dangling", false);
  const hidesDangling = !isDangling && given.some(({ name }) => name === "dangling");
  const patterns = given.filter(({ name }) => name === "reference").map(({ value }) => compilePattern(value));
  const others = given.filter(({ name }) => name !== "dangling" && name !== "reference");
  const list = images.list();
  const parents = new Set(list.map(({ parent }) => parent));
  return applyFilters(list, others, questions(images)).flatMap((image) => {
    const isParent = parents.has(image.id);
    // A platform of an image that has another for this machine: `--tree` shows it.
    if (image.references.length === 0 && image.variantOf.length > 0) return [];
    const references = image.references.filter((name) => fits(name, patterns));
    const isTagged = references.some((name) => !name.includes("@"));
    if (isDangling) return isTagged || isParent ? [] : [{ ...image, references }];
    if (references.length > 0) return [{ ...image, references }];
    return patterns.length > 0 || hidesDangling || (isParent && !all) ? [] : [{ ...image, references }];
  });
}

/** Whether a name, with or without its tag, fits one of the patterns; any does where there are none. */
function fits(name: string, patterns: readonly ((path: string) => boolean)[]): boolean {
  if (patterns.length === 0) return true;
  const { repository } = splitName(name);
  return patterns.some((pattern) => pattern(name) || pattern(repository));
}

function questions(images: Engine["images"]): Readonly<Record<string, Question<ImageSummary>>> {
  const timeOf = (created: string | undefined): number => (created === undefined ? Number.NaN : Date.parse(created));
  const earlier =
    (limit: number) =>
    ({ created }: ImageSummary): boolean =>
      timeOf(created) < limit;
  return {
    before: (name) => earlier(timeOf(images.get(name).created)),
    label: (label) => (image) => hasLabel(images.get(image.id).config.config?.Labels, label),
    since: (name) => {
      const limit = timeOf(images.get(name).created);
      return ({ created }) => timeOf(created) > limit;
    },
    until: (text) => earlier(momentOf(text)),
  };
}
