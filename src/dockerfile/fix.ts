import { BerthError } from "../base/errors.ts";
import type { Command, Diagnostic, Dockerfile, Escape, From, Pairs, Single, Words } from "./ast.ts";
import { type Edit, type Line, linesOf, openRegion, type Region, withEdits } from "./edit.ts";
import { majorityCasing } from "./lint.ts";
import { parseDockerfile, parseInstructions } from "./parse.ts";
import { splitQuoted } from "./words.ts";

// What mends a warning where there is exactly one way to. Every other byte stays.

/** A Dockerfile with fixes in it. */
export interface Fixed {
  readonly text: string;
  /** The warnings that it had and that the fixes were for. */
  readonly fixed: readonly Diagnostic[];
}

/**
 * Write the fixes of warnings into a Dockerfile. Of fixes for the same characters the first is taken: look for warnings again,
 * and fix again, until nothing is fixed any more.
 *
 * @param diagnostics warnings of this very text
 * @throws {DockerfileError} when it can't be parsed
 */
export function fixDockerfile(text: string, diagnostics: readonly Diagnostic[]): Fixed {
  const file = parseDockerfile(text);
  const lines = linesOf(text);
  const edits: Edit[] = [];
  const fixed: Diagnostic[] = [];
  for (const diagnostic of diagnostics) {
    const own = fixesOf(file, lines, diagnostic);
    // Two ports of one EXPOSE have a warning each, and one fix.
    const more = own.filter((edit) => !edits.some((other) => isSame(edit, other)));
    const taken = more.some(({ start, end }) => edits.some((edit) => start < edit.end && edit.start < end));
    if (own.length === 0 || taken) continue;
    edits.push(...more);
    fixed.push(diagnostic);
  }
  return { text: withEdits(text, edits), fixed };
}

function isSame(a: Edit, b: Edit): boolean {
  return a.start === b.start && a.end === b.end && a.by === b.by;
}

function fixesOf(file: Dockerfile, lines: readonly Line[], { rule, span }: Diagnostic): readonly Edit[] {
  const all = file.stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const instruction = all.find((each) => each.span.start <= span.start && span.start <= each.span.end);
  if (instruction === undefined) return [];
  const region = openRegion(lines, instruction.span);
  const { kind } = instruction;
  switch (rule) {
    case "ConsistentInstructionCasing":
      return region.keyword(instruction.keyword, cased(instruction.keyword, majorityCasing(all) === "lowercase"));
    case "NoEmptyContinuation":
      return region.withoutGaps(span.end);
    case "StageNameCasing":
    case "FromAsCasing":
    case "RedundantTargetPlatform":
      return kind === "FROM" ? fixFrom(instruction, rule, region) : [];
    case "MaintainerDeprecated":
      return kind === "MAINTAINER" ? fixMaintainer(instruction, file.escape, region) : [];
    case "LegacyKeyValueFormat":
      return kind === "ENV" || kind === "LABEL" ? fixPair(instruction, file.escape, region) : [];
    case "JSONArgsRecommended":
      return kind === "CMD" || kind === "ENTRYPOINT" ? fixCommand(instruction, region) : [];
    case "ExposeProtoCasing":
    case "ExposeInvalidFormat":
      return kind === "EXPOSE" ? fixPorts(instruction, rule, region) : [];
    default:
      return [];
  }
}

function cased(text: string, lower: boolean): string {
  return lower ? text.toLowerCase() : text.toUpperCase();
}

function isLower(text: string): boolean {
  return text === text.toLowerCase();
}

type FromRule = "StageNameCasing" | "FromAsCasing" | "RedundantTargetPlatform";

/** The name alone changes: what refers to a stage does so in any casing, but for another FROM, which only knows the lower one. */
function fixFrom({ keyword }: From, rule: FromRule, region: Region): readonly Edit[] {
  if (rule === "RedundantTargetPlatform") return region.replace(/[ \t]--platform=\S+(?=[ \t])/d, 0, () => "");
  const named = /\s(as)[ \t]+(\S+)\s*$/di;
  return rule === "StageNameCasing"
    ? region.replace(named, 2, (name) => name.toLowerCase())
    : region.replace(named, 1, (as) => cased(as, isLower(keyword)));
}

/** A MAINTAINER is never expanded, a LABEL is. */
function fixMaintainer({ keyword, value }: Single, escapeChar: Escape, region: Region): readonly Edit[] {
  const quoted = Array.from(value, (char) =>
    char === '"' || char === "$" || char === escapeChar ? escapeChar + char : char,
  );
  const label = `${cased("label", isLower(keyword))} org.opencontainers.image.authors="${quoted.join("")}"`;
  return region.line(keyword, value) === undefined ? [] : region.replace(/\S.*\S/d, 0, () => label);
}

/** `ENV key some words` becomes `ENV key="some words"`, where no quotes or escapes in it would change their meaning. */
function fixPair({ keyword, pairs }: Pairs, escapeChar: Escape, region: Region): readonly Edit[] {
  const [pair] = pairs;
  if (pair?.legacy !== true) return [];
  const { key, value } = pair;
  const [word, ...more] = splitQuoted(value, escapeChar);
  const isWord = word === value && more.length === 0;
  if (!isWord && (/["']/.test(value) || value.includes(escapeChar))) return [];
  const quote = isWord ? "" : '"';
  const edits = region.between(keyword, key, { separator: `=${quote}`, end: quote });
  const wanted = `${quote}${value}${quote}`;
  return edits.length > 0 && readsAs(region.edited(edits), escapeChar, { key, value: wanted }) ? edits : [];
}

function readsAs(text: string, escapeChar: Escape, wanted: { readonly key: string; readonly value: string }): boolean {
  try {
    const [instruction, ...more] = parseInstructions(`# escape=${escapeChar}\n${text.replace(/^\ufeff/, "")}`);
    if (more.length > 0 || (instruction?.kind !== "ENV" && instruction?.kind !== "LABEL")) return false;
    const [pair, ...others] = instruction.pairs;
    return others.length === 0 && pair?.key === wanted.key && pair.value === wanted.value && !pair.legacy;
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

/** What a shell does itself, or changes the meaning of what follows. */
const shellWords: ReadonlySet<string> = new Set(
  ". : alias bg break case cd command continue do done elif else esac eval exec exit export fc fg fi for getopts hash if in jobs local read readonly return set shift then time times trap type ulimit umask unalias unset until wait while".split(
    " ",
  ),
);

/** Words that a shell takes as they are become the program and its arguments; anything else needs the shell. */
function fixCommand({ keyword, command }: Command, region: Region): readonly Edit[] {
  if (command.form === "exec") return [];
  const words = command.command.split(/[ \t]+/);
  const [program = ""] = words;
  const plain = words.every((word) => /^[\w@%+=:,./-]+$/.test(word));
  if (!plain || program.includes("=") || shellWords.has(program)) return [];
  const place = region.line(keyword, command.command);
  return place === undefined ? [] : [{ ...place, by: `[${words.map((word) => JSON.stringify(word)).join(", ")}]` }];
}

/** What is written out is mended; a port that comes out of a variable stays. */
function fixPorts(
  { keyword }: Words,
  rule: "ExposeProtoCasing" | "ExposeInvalidFormat",
  region: Region,
): readonly Edit[] {
  return region.words(keyword).flatMap(({ start, text }) => {
    if (text.includes("$")) return [];
    const host = text.lastIndexOf(":") + 1;
    const slash = text.indexOf("/", host);
    const protocol = slash < 0 ? "" : text.slice(slash);
    const at = start + (slash < 0 ? text.length : slash);
    if (rule === "ExposeInvalidFormat") return host === 0 ? [] : [{ start, end: start + host, by: "" }];
    return isLower(protocol) ? [] : [{ start: at, end: at + protocol.length, by: protocol.toLowerCase() }];
  });
}
