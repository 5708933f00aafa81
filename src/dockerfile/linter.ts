import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Diagnostic, Directive, Span } from "./ast.ts";
import { parseDirective } from "./directives.ts";
import { isExperimental, type RuleName, ruleText } from "./rules.ts";
import { trim } from "./space.ts";

// Who is told what: `# check=skip=RULE,RULE;experimental=RULE;error=true`, for a file or for one instruction.
// @see docs.docker.com/reference/dockerfile/#check

/** Which rules speak, and whether that fails a build. */
export interface CheckOptions {
  /** Rules that don't speak; `all` for every one that isn't experimental. */
  readonly skip: readonly string[];
  /** Experimental rules that do; `all` for every one. */
  readonly experimental: readonly string[];
  /** True when a warning fails the build. */
  readonly error: boolean;
}

/** Takes warnings. */
export interface Linter {
  /** @param values what the rule's message is about, in the order of its message */
  warn(rule: RuleName, span: Span, ...values: string[]): void;
  /** The linter for what these comments stand above: a `# check=` among them adds to the options. */
  below(comments: readonly string[] | undefined): Linter;
}

/** The linter of a file. */
export interface FileLinter extends Linter {
  /** What it was told, without what the options silence. */
  readonly diagnostics: readonly Diagnostic[];
  /** @throws {BerthError} failed-precondition `lint violation found for rules: …`, where warnings are errors */
  refuse(): void;
}

/**
 * Open a linter for a file.
 *
 * @param given the value of BUILDKIT_DOCKERFILE_CHECK, which comes in place of the file's own `# check=`
 * @throws {BerthError} invalid-argument, for options that aren't any
 */
export function openLinter(directives: readonly Directive[], given?: string): FileLinter {
  const options =
    given === undefined
      ? parsed(directives.find(({ name }) => name === "check")?.value ?? "", "check options")
      : parsed(given, "build-arg:BUILDKIT_DOCKERFILE_CHECK");
  const diagnostics: Diagnostic[] = [];
  return {
    ...linterOf(options, diagnostics),
    diagnostics,
    refuse: () => {
      if (!options.error || diagnostics.length === 0) return;
      const rules = new Set(diagnostics.map(({ rule }) => rule));
      const message = `lint violation found for rules: ${[...rules].join(", ")}`;
      throw new BerthError("failed-precondition", message, {
        hint: "`error=true` among the check options makes warnings errors; --check shows their lines.",
      });
    },
  };
}

/** Read check options. @throws {BerthError} invalid-argument, with BuildKit's text */
export function parseCheckOptions(text: string): CheckOptions {
  const options = { skip: noRules, experimental: noRules, error: false };
  for (const part of trim(text) === "" ? [] : parts(trim(text))) {
    const equals = part.indexOf("=");
    if (equals < 0) throw wrong(`invalid check option ${JSON.stringify(part)}`);
    const [key, value] = [trim(part.slice(0, equals)), trim(part.slice(equals + 1))];
    if (key === "skip" || key === "experimental") options[key] = value.split(",").map(trim);
    else if (key === "error") options.error = boolean(part, value);
    else throw wrong(`invalid check option ${JSON.stringify(key)}`);
  }
  return options;
}

const noRules: readonly string[] = [];

/** As BuildKit has it, what stands behind the second `;` belongs to the third option. */
function parts(text: string): readonly string[] {
  const [first = "", second, ...rest] = text.split(";");
  return [first, ...(second === undefined ? [] : [second]), ...(rest.length === 0 ? [] : [rest.join(";")])];
}

function boolean(part: string, value: string): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  const why = `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw wrong(`failed to parse check option ${JSON.stringify(part)}: ${why}`);
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}

function parsed(text: string, what: string): CheckOptions {
  try {
    return parseCheckOptions(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError("invalid-argument", `failed to parse ${what}: ${error.message}`, { cause: error });
  }
}

function linterOf(options: CheckOptions, diagnostics: Diagnostic[]): Linter {
  return {
    warn: (rule, span, ...values) => {
      if (speaks(rule, options) && diagnostics.length < limits.diagnostics)
        diagnostics.push({ ...ruleText(rule, values), span });
    },
    below: (comments = []) => {
      const more = optionsIn(comments);
      return more === undefined ? linterOf(options, diagnostics) : linterOf(merged(options, more), diagnostics);
    },
  };
}

function speaks(rule: RuleName, { skip, experimental }: CheckOptions): boolean {
  const named = (list: readonly string[]): boolean => list.includes(rule) || list.join() === "all";
  return isExperimental(rule) ? named(experimental) : !named(skip);
}

/** The options of the first `check=` among comments; one that can't be read counts for nothing. */
function optionsIn(comments: readonly string[]): CheckOptions | undefined {
  const value = comments
    .map((comment) => parseDirective(`#${comment}`, 0))
    .find((directive) => directive?.name === "check")?.value;
  if (value === undefined) return undefined;
  try {
    return parseCheckOptions(value.split(" ", 1)[0] ?? "");
  } catch (error) {
    if (error instanceof BerthError) return undefined;
    throw error;
  }
}

function merged(options: CheckOptions, more: CheckOptions): CheckOptions {
  return {
    skip: more.skip.join() === "all" || options.skip.join() === "all" ? ["all"] : [...options.skip, ...more.skip],
    experimental:
      more.experimental.join() === "all" || options.experimental.join() === "all"
        ? ["all"]
        : [...options.experimental, ...more.experimental],
    error: options.error,
  };
}
