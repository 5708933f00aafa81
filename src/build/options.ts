import { BerthError } from "../base/errors.ts";
import { hostPlatform, platformText } from "../oci/platform.ts";

/** The network of steps that don't say. @throws {BerthError} invalid-argument, with BuildKit's text */
export function networkMode(text: string | undefined): "default" | "none" | "host" {
  switch (text) {
    case undefined:
    case "":
    case "default":
    case "bridge":
      return "default";
    case "none":
    case "host":
      return text;
    default:
      throw new BerthError("invalid-argument", `network mode ${JSON.stringify(text)} not supported by buildkit`, {
        hint: "RUN steps have the network default, none or host.",
      });
  }
}

/** Check a `--platform`. @throws {BerthError} unimplemented, when it isn't this machine's */
export function refuseForeignPlatform(text: string | undefined): void {
  if (text === undefined || text === "" || isHostPlatform(text)) return;
  throw new BerthError(
    "unimplemented",
    `platform ${text} is not this machine's, which is ${platformText(hostPlatform)}`,
  );
}

/** True when a platform as a user writes it (`linux/amd64`, `amd64`, `linux`) is this machine's. */
function isHostPlatform(text: string): boolean {
  const [first = "", second] = text.toLowerCase().split("/");
  if (second === undefined) return first === hostPlatform.os || architecture(first) === hostPlatform.architecture;
  return first === hostPlatform.os && architecture(second) === hostPlatform.architecture;
}

const synonyms: Readonly<Record<string, string>> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };

function architecture(text: string): string {
  return synonyms[text] ?? text;
}
