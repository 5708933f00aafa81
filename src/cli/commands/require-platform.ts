import { BerthError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { matchesPlatform, type Platform, platformText } from "../../oci/platform.ts";

/** Refuse an image that is there for another platform than the one that was asked for. @throws {BerthError} not-found, in Docker's words */
export function requirePlatform({ images }: Engine, name: string, wanted: Platform): void {
  const { config } = images.get(name);
  if (matchesPlatform(wanted, config)) return;
  const found = `image with reference ${name} was found but its platform (${platformText(config)})`;
  throw new BerthError("not-found", `${found} does not match the specified platform (${platformText(wanted)})`);
}
