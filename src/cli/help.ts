import type { Flag, Flags } from "./flags/flag.ts";

/** What a help text tells of a command. */
export interface HelpSubject {
  /** `berth run` */
  readonly path: string;
  /** `[OPTIONS] IMAGE [COMMAND] [ARG...]` */
  readonly synopsis: string;
  readonly summary: string;
  /** Other ways to call it, whole: `berth container run`. */
  readonly aliases: readonly string[];
  readonly flags: Flags;
  /** Command lines without the leading `berth`. */
  readonly examples: readonly string[];
}

/** Columns of a help text where the terminal's aren't known. */
export const defaultColumns = 80;

/** `Usage:  berth run [OPTIONS] IMAGE [COMMAND] [ARG...]` */
export function usageLine({ path, synopsis }: Pick<HelpSubject, "path" | "synopsis">): string {
  return `Usage:  ${path}${synopsis === "" ? "" : ` ${synopsis}`}`;
}

/** The whole help of a command, in the layout of Docker's, with examples at the end. */
export function helpText(subject: HelpSubject, columns: number = defaultColumns): string {
  const options = flagTable(subject.flags, columns - 1);
  const sections = [
    usageLine(subject),
    subject.summary,
    ...(subject.aliases.length > 0 ? [`Aliases:\n  ${subject.aliases.join(", ")}`] : []),
    ...(options === "" ? [] : [`Options:\n${options}`]),
    ...(subject.examples.length > 0
      ? [`Examples:\n${subject.examples.map((example) => `  berth ${example}`).join("\n")}`]
      : []),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** The options of a command, one per line, sorted by name, descriptions wrapped to `columns`. */
export function flagTable(flags: Flags, columns: number): string {
  const shown = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => ({ head: flagHead(name, flag), flag }));
  const indent = Math.max(0, ...shown.map(({ head }) => head.length)) + 3;
  return shown.map(({ head, flag }) => head.padEnd(indent) + wrap(describe(flag), indent, columns)).join("\n");
}

function flagHead(name: string, { short, valueName }: Flag<unknown>): string {
  const letter = short === undefined ? "      " : `  -${short}, `;
  return `${letter}--${name}${valueName === undefined ? "" : ` ${valueName}`}`;
}

function describe({ description, shownDefault }: Flag<unknown>): string {
  return shownDefault === undefined ? description : `${description} (default ${shownDefault})`;
}

/** How many columns a line may run over before it is broken, so that no short word stands alone. */
const slop = 5;

/** Break `text` at spaces and line feeds; lines after the first are indented. */
function wrap(text: string, indent: number, columns: number): string {
  const room = columns - indent - slop;
  if (room + slop < 24) return text.replaceAll("\n", `\n${" ".repeat(indent)}`);
  const lines: string[] = [];
  let rest = text;
  while (rest.length >= room + slop) {
    const head = rest.slice(0, room);
    const feed = head.lastIndexOf("\n");
    const space = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\t"), feed);
    if (space <= 0) break;
    const end = feed > 0 ? feed : space;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end + 1);
  }
  lines.push(rest);
  return lines.join("\n").replaceAll("\n", `\n${" ".repeat(indent)}`);
}
