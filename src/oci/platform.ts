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

/** `linux/amd64`, `linux/arm64/v8`. */
export function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

const otherNames: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  aarch64: "arm64",
  armhf: "arm",
  armel: "arm",
  i386: "386",
};
const knownSystems = ["linux", "windows", "darwin", "freebsd"];
const knownArchitectures = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "mips64le", "loong64"];

/**
 * Read `os[/arch[/variant]]`; a lone architecture is one of Linux.
 *
 * @throws {BerthError} invalid-argument, in the words of containerd's platforms
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split("/");
  const wrong = parts.find((part) => !/^[a-z0-9_-]+$/.test(part));
  if (wrong !== undefined || parts.length > 3) {
    const reason =
      wrong === undefined
        ? "cannot parse platform specifier"
        : `${quoted(wrong)} is an invalid component of ${quoted(text)}`;
    throw new BerthError(
      "invalid-argument",
      `${reason}: platform specifier component must match "^[A-Za-z0-9_-]+$": invalid argument`,
    );
  }
  const [first = "", second, variant] = parts;
  if (second !== undefined) {
    return { os: first, architecture: otherNames[second] ?? second, ...(variant === undefined ? {} : { variant }) };
  }
  if (knownSystems.includes(first)) return { ...hostPlatform, os: first };
  const architecture = otherNames[first] ?? first;
  if (knownArchitectures.includes(architecture)) return { os: "linux", architecture };
  throw new BerthError(
    "invalid-argument",
    `${quoted(text)}: unknown operating system or architecture: invalid argument`,
  );
}

/** Whether what is there serves who asks for `wanted`: a variant counts only where both say one. */
export function platformFits(there: Platform, wanted: Platform): boolean {
  const sameVariant = there.variant === undefined || wanted.variant === undefined || there.variant === wanted.variant;
  return there.os === wanted.os && there.architecture === wanted.architecture && sameVariant;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
