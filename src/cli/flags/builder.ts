import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { Flag } from "./flag.ts";
import { bool, text } from "./kinds.ts";

/** Values of {@link builderFlags}, by the flags' names. */
export interface BuilderValues {
  readonly builder: string | undefined;
  readonly debug: boolean;
}

/** The name that buildx gives to the builder which is always there. */
export const builderName = "default";

/** Flags that every command of buildx has. Whoever runs the command settles them: {@link settleBuilder}. */
export const builderFlags: { readonly [Name in keyof BuilderValues]: Flag<BuilderValues[Name]> } = {
  builder: text("Override the configured builder instance"),
  debug: bool("Enable debug logging", { short: "D" }),
};

/** Do what {@link builderFlags} say: berth is the one builder, and debugging holds from here on. @throws {CliError} in buildx's words */
export function settleBuilder({ builder, debug }: Partial<BuilderValues>, io: Terminal): void {
  if (debug === true) io.setVariable("BERTH_DEBUG", "1");
  requireBuilder(builder || io.env["BUILDX_BUILDER"] || builderName);
}

/** @throws {CliError} where another builder is meant than the one that there is */
export function requireBuilder(name: string): void {
  if (name === builderName) return;
  throw new CliError(`ERROR: no builder ${JSON.stringify(name)} found`, {
    hint: `berth builds by itself, as the builder ${builderName}: leave --builder and BUILDX_BUILDER out.`,
  });
}
