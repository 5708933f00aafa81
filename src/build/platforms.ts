import { hostPlatform, normalPlatform, type Platform, parsePlatform, platformText } from "../oci/platform.ts";

/**
 * Read `--platform`: platforms with commas between them, each once, in the form that BuildKit gives them.
 *
 * @returns none for an absent or empty text
 * @throws {BerthError} invalid-argument
 */
export function askedPlatforms(text: string = ""): readonly Platform[] {
  if (text.trim() === "") return [];
  const named = text.split(",").map((each) => parsed(each.trim()));
  return [...new Map(named.map((platform) => [platformText(platform), platform])).values()];
}

/** `local` is buildx's word for this machine. */
function parsed(text: string): Platform {
  return text === "local" ? hostPlatform : normalPlatform(parsePlatform(text));
}
