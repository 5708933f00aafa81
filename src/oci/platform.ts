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

const knownSystems = new Set(["linux", "windows", "darwin", "freebsd"]);
const synonyms: Readonly<Record<string, Pick<Platform, "architecture" | "variant">>> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
};

/**
 * Read a platform as a user writes it: `linux/arm64/v8`, `linux/amd64`, `linux`, `arm64`.
 *
 * @throws {BerthError} invalid-argument
 * @see containerd/platforms `Parse`
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const [first = "", second, variant] = parts;
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new BerthError("invalid-argument", `"${text}": must be of the form "os[/arch[/variant]]"`);
  }
  if (second === undefined) {
    if (knownSystems.has(first)) return { os: first, architecture: hostPlatform.architecture };
    return { os: hostPlatform.os, architecture: first, ...synonyms[first] };
  }
  const named = { os: first, architecture: second, ...synonyms[second] };
  return variant === undefined ? named : { ...named, variant };
}

/** True when what is built for `platform` is what `wanted` asks for. A variant that either leaves open is not compared; arm64 is v8. */
export function matchesPlatform(wanted: Platform, platform: Platform): boolean {
  if (wanted.os !== platform.os || wanted.architecture !== platform.architecture) return false;
  const [a, b] = [variantOf(wanted), variantOf(platform)];
  return a === undefined || b === undefined || a === b;
}

function variantOf({ architecture, variant }: Platform): string | undefined {
  return architecture === "arm64" ? (variant ?? "v8") : variant;
}

/** `linux/amd64`, `linux/arm64/v8`. */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}
