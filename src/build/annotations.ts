import { BerthError } from "../base/errors.ts";
import { matchesPlatform, type Platform, platformText } from "../oci/platform.ts";

/** A name and a value that go with what is built. */
export interface BuildAnnotation {
  /** Whether they are in the manifest, in the index with it, or are the index's own. */
  readonly level: "manifest" | "manifest-descriptor" | "index";
  /** Of one platform's image alone; of all when absent. */
  readonly platform?: Platform;
  readonly key: string;
  readonly value: string;
}

/** Annotations of one level, by name; undefined where there are none. The last of a name counts, and one that names the platform before any other. */
export function annotationsAt(
  annotations: readonly BuildAnnotation[],
  level: BuildAnnotation["level"],
  platform?: Platform,
): Readonly<Record<string, string>> | undefined {
  const fitting = annotations
    .filter((each) => each.level === level)
    .filter(
      (each) => each.platform === undefined || (platform !== undefined && matchesPlatform(each.platform, platform)),
    )
    .toSorted((a, b) => Number(a.platform !== undefined) - Number(b.platform !== undefined));
  const pairs = new Map(fitting.map(({ key, value }) => [key, value]));
  return pairs.size === 0 ? undefined : Object.fromEntries([...pairs].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @throws {BerthError} invalid-argument, with BuildKit's text, for one that nothing would have */
export function checkAnnotations(
  annotations: readonly BuildAnnotation[],
  { platforms, hasIndex }: { readonly platforms: readonly Platform[]; readonly hasIndex: boolean },
): void {
  for (const { platform, level } of annotations) {
    if (platform !== undefined && !platforms.some((each) => matchesPlatform(platform, each))) {
      const message = `invalid annotation: no platform ${platformText(platform)} found in source`;
      throw new BerthError("invalid-argument", message);
    }
    if (level !== "manifest" && !hasIndex)
      throw new BerthError("invalid-argument", "index annotations not supported for single platform export");
  }
}
