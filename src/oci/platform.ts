import { arch } from "node:process";
import { BerthError } from "../base/errors.ts";

/** What an image runs on. @see image-spec v1.1 image-index.md#image-index-property-descriptions */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** The platform of this machine, in Go's words. */
export const hostPlatform: Platform = { os: "linux", architecture: architectures[arch] ?? arch };

const knownSystems: ReadonlySet<string> = new Set(["linux", "windows", "darwin", "freebsd"]);
/** The architectures that images are made for, in Go's words. */
export const knownArchitectures: readonly string[] = "amd64 arm64 arm 386 ppc64le s390x riscv64 mips64le loong64".split(
  " ",
);
const synonyms: Readonly<Record<string, Pick<Platform, "architecture" | "variant">>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
};

/**
 * Read a platform as a user writes it: `linux/arm64/v8`, `linux/amd64`; `linux` alone has this machine's architecture, and a
 * lone architecture is one of Linux.
 *
 * @throws {BerthError} invalid-argument, in the words of containerd's platforms
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const wrong = parts.find((part) => !/^[a-z0-9_.-]+$/.test(part));
  if (wrong !== undefined || parts.length > 3) throw wrongSpecifier(text, wrong);
  const [first = "", second, variant] = parts;
  if (second !== undefined) {
    const named = { os: first, architecture: second, ...synonyms[second] };
    return variant === undefined ? named : { ...named, variant };
  }
  if (knownSystems.has(first)) return { ...hostPlatform, os: first };
  const named = { os: "linux", architecture: first, ...synonyms[first] };
  if (knownArchitectures.includes(named.architecture)) return named;
  const message = `${quoted(text)}: unknown operating system or architecture: invalid argument`;
  throw new BerthError("invalid-argument", message);
}

function wrongSpecifier(text: string, part: string | undefined): BerthError {
  const reason =
    part === undefined
      ? `${quoted(text)}: cannot parse platform specifier`
      : `${quoted(part)} is an invalid component of ${quoted(text)}: platform specifier component must match "^[A-Za-z0-9_.-]+$"`;
  return new BerthError("invalid-argument", `${reason}: invalid argument`);
}

/** True when what is built for `platform` is what `wanted` asks for. A variant that either leaves open is not compared; arm64 is v8. */
export function matchesPlatform(wanted: Platform, platform: Platform): boolean {
  if (wanted.os !== platform.os || wanted.architecture !== platform.architecture) return false;
  const [a, b] = [variantOf(wanted), variantOf(platform)];
  return a === undefined || b === undefined || a === b;
}

/**
 * Of what is there for several platforms the best for `wanted`: where that leaves the variant open, what has none, or for
 * arm v7 as containerd takes it, before any other.
 */
export function bestFor<T>(wanted: Platform, list: readonly T[], platformOf: (each: T) => Platform): T | undefined {
  const fitting = list.filter((each) => matchesPlatform(wanted, platformOf(each)));
  const usual = variantOf(wanted) ?? (wanted.architecture === "arm" ? "v7" : undefined);
  return fitting.find((each) => variantOf(platformOf(each)) === usual) ?? fitting[0];
}

/** True for a platform in parsed JSON. */
export function isPlatformValue(value: unknown): value is Platform {
  if (typeof value !== "object" || value === null) return false;
  const { os, architecture, variant } = value as Record<string, unknown>;
  return (
    typeof os === "string" &&
    typeof architecture === "string" &&
    (variant === undefined || variant === null || typeof variant === "string")
  );
}

function variantOf({ architecture, variant }: Platform): string | undefined {
  return architecture === "arm64" ? (variant ?? "v8") : variant;
}

/** A platform as containerd shortens it: the variant that an architecture has anyway is left out. @see containerd platforms `Normalize` */
export function normalPlatform({ os, architecture, variant }: Platform): Platform {
  // What comes as JSON may have a null.
  const text = (variant ?? "").toLowerCase();
  const named = (/^\d/.test(text) ? `v${text}` : text).replace(/^(v\d+)\.0$/, "$1");
  if (architecture === "arm") return { os, architecture, variant: named || "v7" };
  const isUsual = named === "" || named === { arm64: "v8", amd64: "v1" }[architecture];
  return isUsual ? { os, architecture } : { os, architecture, variant: named };
}

/** `linux/amd64`, `linux/arm64/v8`. */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** A list of platforms as Go prints it. */
export function platformsText(platforms: readonly Platform[]): string {
  return `[${platforms.map(platformText).join(" ")}]`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
