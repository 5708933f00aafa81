import { readFileSync } from "node:fs";
import { hostPlatform, normalPlatform, type Platform, platformText } from "./platform.ts";

/**
 * Of what is there for several platforms what runs best where `wanted` is asked for: that, or an older variant of it, or the
 * 32-bit architecture that such machines run, too. For this machine, with the variant that its processor has, when undefined.
 *
 * @see containerd platforms `Only`; moby distribution/pull_v2_unix.go `filterManifests`
 */
export function choose<T>(
  wanted: Platform | undefined,
  list: readonly T[],
  platformOf: (each: T) => Platform,
): T | undefined {
  const named = list.map((each) => ({ each, name: nameOf(platformOf(each)) }));
  for (const name of runnable(wanted ?? thisMachine(list.map(platformOf)))) {
    const found = named.find((one) => one.name === name);
    if (found !== undefined) return found.each;
  }
  return undefined;
}

/** The platform of this machine, as exactly as the choice needs it. */
function thisMachine(list: readonly Platform[]): Platform {
  const isGraded = list.some((each) => each.architecture === "amd64" && variantOf(each) !== "");
  return isGraded ? { ...hostPlatform, variant: processorVariant() } : hostPlatform;
}

/** Whether what is for `platform` runs where `wanted` is asked for; on this machine when undefined. */
export function runsOn(wanted: Platform | undefined, platform: Platform): boolean {
  return choose(wanted, [platform], (each) => each) !== undefined;
}

/** Names of what runs on a platform, the best first. */
function runnable(wanted: Platform): readonly string[] {
  const { os, architecture } = wanted;
  const all = (kind: string, variants: readonly string[]): readonly string[] =>
    variants.map((variant) => nameOf({ os, architecture: kind, variant }));
  const variant = variantOf(wanted);
  switch (architecture) {
    case "amd64":
      return [...all("amd64", downTo(1, variant)), nameOf({ os, architecture: "386" })];
    case "arm":
      return all("arm", downTo(5, variant));
    case "arm64":
      return [...all("arm64", arm64Variants(variant)), ...all("arm", downTo(5, "v8"))];
    default:
      return [nameOf(wanted)];
  }
}

/** `v7`, `v6`, `v5`; what is no number alone. */
function downTo(least: number, variant: string): readonly string[] {
  const version = /^v(\d{1,2})$/.exec(variant || `v${least}`)?.[1];
  if (version === undefined || Number(version) < least) return [variant];
  return Array.from({ length: Number(version) - least + 1 }, (_, below) => `v${Number(version) - below}`);
}

/** Version 9.x of Arm's architecture has all of 8.(x+5). @see Arm Architecture Reference Manual, "Architecture extensions" */
function arm64Variants(variant: string): readonly string[] {
  const [, version, part = "0"] = /^v([89])(?:\.(\d))?$/.exec(variant || "v8") ?? [];
  if (version === undefined) return [variant];
  const below = (major: number, minor: number): readonly string[] =>
    Array.from({ length: minor + 1 }, (_, n) => (minor === n ? `v${major}` : `v${major}.${minor - n}`));
  return version === "8"
    ? below(8, Number(part))
    : [...below(9, Number(part)), ...below(8, Math.min(Number(part) + 5, 9))];
}

const nameOf = (platform: Platform): string => platformText(normalPlatform(platform));

/** Empty for the one that an architecture has anyway. */
const variantOf = (platform: Platform): string => normalPlatform(platform).variant ?? "";

/** What processors have beyond the variant before. @see x86-64 psABI, section 3.1.1; names as Linux has them */
const levels: readonly (readonly string[])[] = [
  ["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"],
  ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"],
  ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
];

/** `v3`, of an x86-64 processor. */
function processorVariant(): string {
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "latin1"))?.[1]?.split(" ") ?? [];
  const missing = levels.findIndex((level) => !level.every((flag) => flags.includes(flag)));
  return `v${missing < 0 ? levels.length + 1 : missing + 1}`;
}
