import { arch } from "node:process";

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
