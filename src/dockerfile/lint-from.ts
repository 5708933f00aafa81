import { BerthError } from "../base/errors.ts";
import { parsePlatform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import type { Dockerfile, Escape, From } from "./ast.ts";
import { type Expansion, expandWord } from "./expand.ts";
import type { Linter } from "./linter.ts";
import { suggestion } from "./suggest.ts";

// BuildKit's rules about FROM that need the values of the arguments. @see docs.docker.com/reference/build-checks/

/** The arguments that `FROM` lines see. */
export type GlobalArgs = ReadonlyMap<string, string>;

/** Tell of bases that are no image's name when nobody gives a build argument. @param defaults the arguments as they are then */
export function lintDefaultBases(file: Dockerfile, defaults: GlobalArgs, linter: Linter): void {
  for (const { from } of file.stages) {
    const base = expanded(from.base, defaults, file.escape);
    // What can't be expanded is an error, and told as one.
    if (base === undefined) return;
    if (!isReference(base.text)) linter.warn("InvalidDefaultArgInFrom", from.span, from.base);
  }
}

/** Tell of what `FROM` lines use: arguments that nobody declares, and platforms that say too much or too little. */
export function lintFroms(file: Dockerfile, args: GlobalArgs, linter: Linter): void {
  const declared = file.globalArgs.flatMap((arg) => arg.args.map(({ name }) => name));
  const names = [...new Set([...args.keys(), ...declared])];
  for (const { from, name = "" } of file.stages) {
    const own = linter.below(from.comments);
    for (const word of [from.base, from.platform]) {
      const expansion = word === undefined ? undefined : expanded(word, args, file.escape);
      for (const unset of expansion?.unmatched ?? [])
        if (!names.includes(unset)) own.warn("UndefinedArgInFrom", from.span, unset, suggestion(unset, names) ?? "");
    }
    lintPlatform(from, { name, args, escape: file.escape, linter: own });
  }
}

interface PlatformContext {
  /** The stage's; empty without one. */
  readonly name: string;
  readonly args: GlobalArgs;
  readonly escape: Escape;
  readonly linter: Linter;
}

function lintPlatform({ platform, span }: From, { name, args, escape: escapeChar, linter }: PlatformContext): void {
  if (platform === undefined) return;
  const expansion = expanded(platform, args, escapeChar);
  if (expansion === undefined || expansion.unmatched.size > 0) return;
  const { text, used } = expansion;
  const target = "TARGETPLATFORM";
  if (used.size === 0 && isConstant(text, name)) linter.warn("FromPlatformFlagConstDisallowed", span, text);
  if (used.size === 1 && used.has(target) && text === args.get(target))
    linter.warn("RedundantTargetPlatform", span, platform);
}

/** True for a platform that the stage's name doesn't tell of. */
function isConstant(text: string, name: string): boolean {
  try {
    const { os, architecture } = parsePlatform(text);
    return !name.includes(os) && !name.includes(architecture);
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

/** Undefined for what can't be expanded. */
function expanded(word: string, args: GlobalArgs, escapeChar: Escape): Expansion | undefined {
  try {
    return expandWord(word, (name) => args.get(name), { escape: escapeChar });
  } catch (error) {
    if (error instanceof BerthError) return undefined;
    throw error;
  }
}
