import type { Directive, Escape } from "./ast.ts";
import { DockerfileError, lineSpan } from "./errors.ts";
import { trimStart } from "./space.ts";

// @see Dockerfile reference, "Parser directives"

/**
 * The directives at the top of a Dockerfile. They end with the first line that is none, be it empty or a comment.
 *
 * @throws {DockerfileError} when one is given twice, or the escape character is none of the two allowed
 */
export function parseDirectives(lines: readonly string[]): readonly Directive[] {
  const directives: Directive[] = [];
  for (const [index, line] of lines.entries()) {
    const directive = parseDirective(line, index + 1);
    if (directive === undefined) break;
    const span = lineSpan(directive.line);
    if (directives.some(({ name }) => name === directive.name))
      throw new DockerfileError(`only one ${directive.name} parser directive can be used`, span);
    if (directive.name === "escape" && !isEscape(directive.value))
      throw new DockerfileError(`invalid escape token '${directive.value}' does not match \` or \\`, span);
    directives.push(directive);
  }
  return directives;
}

/** What escapes and joins lines in a file with these directives. */
export function escapeOf(directives: readonly Directive[]): Escape {
  const value = directives.find(({ name }) => name === "escape")?.value;
  return value !== undefined && isEscape(value) ? value : "\\";
}

function isEscape(value: string): value is Escape {
  return value === "\\" || value === "`";
}

/** A directive on a line; undefined when it has none. */
export function parseDirective(text: string, line: number): Directive | undefined {
  const comment = trimStart(text);
  if (!comment.startsWith("#")) return undefined;
  const [, key = "", value = ""] = /^([a-z][a-z0-9]*)\s*=\s*(\S.*)$/i.exec(trimStart(comment.slice(1)).trimEnd()) ?? [];
  const name = key.toLowerCase();
  if (name !== "syntax" && name !== "escape" && name !== "check") return undefined;
  return { name, value, line };
}
