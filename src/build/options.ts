import { BerthError } from "../base/errors.ts";

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
