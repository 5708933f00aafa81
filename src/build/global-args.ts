import type { Dockerfile, Escape } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { type Platform, platformText } from "../oci/platform.ts";

/** Proxy settings that reach every step without an `ARG`, and no cache key and no history. @see Dockerfile reference, "Predefined ARGs" */
const proxyNames: ReadonlySet<string> = new Set(["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"]);

/** Values that the builder itself reads. */
const builderNames = /^(?:BUILDKIT_|SOURCE_DATE_EPOCH$)/;

/**
 * The arguments that `FROM` lines see: the predefined ones, then the `ARG`s before the first `FROM`.
 *
 * @param target name of the stage that is built, or `default`
 */
export function globalArgs(
  file: Pick<Dockerfile, "globalArgs" | "escape">,
  options: {
    readonly platform: Platform;
    readonly buildPlatform?: Platform;
    readonly target: string;
    readonly buildArgs: ReadonlyMap<string, string>;
  },
): ReadonlyMap<string, string> {
  const { buildArgs } = options;
  const args = new Map(predefined(options).map(([name, value]) => [name, buildArgs.get(name) ?? value]));
  for (const { name, value } of file.globalArgs.flatMap(({ args }) => args)) {
    const given = buildArgs.get(name) ?? (value === undefined ? undefined : expandGlobal(args, value, file.escape));
    if (given !== undefined) args.set(name, given);
  }
  return args;
}

/** Expand a word outside of stages. @throws {BerthError} invalid-argument */
export function expandGlobal(args: ReadonlyMap<string, string>, text: string, escapeCharacter: Escape): string {
  return expandWord(text, (name) => args.get(name), { escape: escapeCharacter }).text;
}

/** The proxy settings among the build arguments, as `NAME=value` in both cases, as BuildKit sets them. */
export function proxyEnv(buildArgs: ReadonlyMap<string, string>): readonly string[] {
  return [...buildArgs]
    .filter(([name]) => proxyNames.has(name.toLowerCase()))
    .flatMap(([name, value]) => [`${name.toUpperCase()}=${value}`, `${name.toLowerCase()}=${value}`]);
}

/** Build arguments that nothing declares. */
export function unusedArgs(buildArgs: ReadonlyMap<string, string>, declared: ReadonlySet<string>): readonly string[] {
  return [...buildArgs.keys()].filter(
    (name) => !declared.has(name) && !proxyNames.has(name.toLowerCase()) && !builderNames.test(name),
  );
}

function predefined(options: Parameters<typeof globalArgs>[1]): readonly (readonly [string, string])[] {
  const { platform: targetPlatform, buildPlatform = targetPlatform, target } = options;
  const of = (prefix: string, platform: Platform): readonly (readonly [string, string])[] => [
    [`${prefix}PLATFORM`, platformText(platform)],
    [`${prefix}OS`, platform.os],
    [`${prefix}OSVERSION`, ""],
    [`${prefix}ARCH`, platform.architecture],
    [`${prefix}VARIANT`, platform.variant ?? ""],
  ];
  return [...of("BUILD", buildPlatform), ...of("TARGET", targetPlatform), ["TARGETSTAGE", target]];
}
