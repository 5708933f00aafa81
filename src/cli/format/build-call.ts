import type { CheckedBuild } from "../../build/check.ts";
import type { BuildOutline, BuildTargets } from "../../build/outline.ts";
import { type Diagnostic, isNowhere, type Span } from "../../dockerfile/ast.ts";
import { excerpt } from "../progress/failure.ts";
import { goJson } from "./go-json.ts";

// What `build --call` prints: BuildKit's texts and JSON. @see BuildKit, frontend/subrequests

/** What a check says, in text. @param name of the Dockerfile, as the user knows it */
export function checkText({ diagnostics, dockerfile, error }: CheckedBuild, name: string): string {
  const count = diagnostics.length;
  if (count === 0) return error === undefined ? "Check complete, no warnings found.\n" : "";
  const head = `Check complete, ${count === 1 ? "1 warning has" : `${count} warnings have`} been found!\n`;
  const inOrder = diagnostics.toSorted((a, b) => a.span.start - b.span.start);
  const warnings = inOrder.map(({ rule, url, message, span }) => {
    const title = `\nWARNING: ${rule}${url === undefined ? "" : ` - ${url}`}\n${message}\n`;
    return isNowhere(span) ? title : `${title}${excerpt({ name, text: dockerfile.text, lines: span }).join("\n")}\n`;
  });
  return `${head}${warnings.join("")}${error === undefined ? "" : "\n"}`;
}

/** What a check says of why the Dockerfile can't be built; undefined where it can. */
export function checkErrorText({ dockerfile, error }: CheckedBuild, name: string): string | undefined {
  if (error === undefined) return undefined;
  const { message, span } = error;
  const place = span === undefined ? [] : excerpt({ name, text: dockerfile.text, lines: span });
  return [`ERROR: ${message}`, ...place].join("\n");
}

/** What a check says, as JSON. */
export function checkJson({ diagnostics, dockerfile, error }: CheckedBuild): string {
  const { name, text, language = "Dockerfile" } = dockerfile;
  return json({
    warnings: diagnostics.length === 0 ? null : diagnostics.map(warningJson),
    sources: [{ filename: fileName(name), data: base64(text), language }],
    ...(error === undefined
      ? {}
      : { buildError: { message: error.message, location: error.span === undefined ? {} : location(error.span) } }),
  });
}

function warningJson({ rule, description, url, message, span }: Diagnostic): object {
  return {
    ruleName: rule,
    description,
    ...(url === undefined ? {} : { url }),
    detail: message,
    location: location(span),
  };
}

/** The warnings at the end of a build. @param expanded with what each is about and the lines */
export function warningsText(
  diagnostics: readonly Diagnostic[],
  source: { readonly name: string; readonly text: string } | undefined,
): string {
  if (diagnostics.length === 0) return "";
  const count = `${diagnostics.length} warning${diagnostics.length === 1 ? "" : "s"} found`;
  const lines = diagnostics.map((diagnostic) => {
    const { rule, message, span, description, url } = diagnostic;
    const short = ` - ${rule}: ${message}${isNowhere(span) ? "" : ` (line ${span.start})`}\n`;
    if (source === undefined || isNowhere(span)) return short;
    const more = url === undefined ? "" : `More info: ${url}\n`;
    return `${short}${description}\n${more}${excerpt({ ...source, lines: span }).join("\n")}\n\n`;
  });
  return `\n ${count}${source === undefined ? " (use docker --debug to expand)" : ""}:\n${lines.join("")}`;
}

/** A target's arguments, secrets and ssh agents, in text. */
export function outlineText({ name, description, args, secrets, ssh }: BuildOutline): string {
  const title = [
    ["TARGET:", name === "" ? "(default)" : name],
    ...(description === "" ? [] : [["DESCRIPTION:", description]]),
  ];
  const mounts = (head: string, found: BuildOutline["secrets"]): string =>
    table(
      3,
      head,
      found.map((mount) => [mount.name, mount.required ? "true" : ""]),
    );
  return [
    name === "" && description === "" ? "" : `${columns(title, 1)}\n`,
    table(
      3,
      "BUILD ARG\tVALUE\tDESCRIPTION",
      args.map((arg) => [arg.name, arg.value, arg.description]),
    ),
    mounts("SECRET\tREQUIRED", secrets),
    mounts("SSH\tREQUIRED", ssh),
  ].join("");
}

/** A target's arguments, secrets and ssh agents, as JSON. */
export function outlineJson({ dockerfile, name, description, args, secrets, ssh }: BuildOutline): string {
  const mounts = (found: BuildOutline["secrets"]): readonly object[] =>
    found.map(({ name, required, span }) => ({ name, ...given({ required }), location: location(span) }));
  const outline = {
    ...given({ name, description }),
    args: args.map(({ name, description, value, span }) => ({
      name,
      ...given({ description, value }),
      location: location(span),
    })),
    secrets: mounts(secrets),
    ssh: mounts(ssh),
    sources: [base64(dockerfile.text)],
  };
  return json(Object.fromEntries(Object.entries(outline).filter(([, value]) => value?.length !== 0)));
}

/** The stages, in text. */
export function targetsText({ targets }: BuildTargets): string {
  const rows = targets.map(({ name, description, default: isDefault }) => [
    isDefault ? `${name} (default)`.trimStart() : name,
    description,
  ]);
  return columns([["TARGET", "DESCRIPTION"], ...rows], 1);
}

/** The stages, as JSON. */
export function targetsJson({ dockerfile, targets }: BuildTargets): string {
  return json({
    targets: targets.map(({ span, ...target }) => ({ ...given(target), location: location(span) })),
    sources: [base64(dockerfile.text)],
  });
}

function json(value: unknown): string {
  return `${goJson(value, "  ")}\n`;
}

/** The fields that Go's `omitempty` keeps. */
function given(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== "" && value !== false));
}

function location({ start, end }: Span): object {
  return { ranges: [{ start: { line: start }, end: { line: end } }] };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function table(padding: number, head: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? "" : `${columns([head.split("\t"), ...rows], padding)}\n`;
}

/** Rows lined up as Go's text/tabwriter does it: all cells but the last of a row are as wide as the widest, and `padding`. */
function columns(rows: readonly (readonly string[])[], padding: number): string {
  const width = (column: number): number => Math.max(...rows.map((row) => [...(row[column] ?? "")].length)) + padding;
  const widths = (rows[0] ?? []).map((_cell, column) => width(column));
  const padded = (cell: string, column: number): string => cell + " ".repeat((widths[column] ?? 0) - [...cell].length);
  return rows
    .map((row) => `${row.map((cell, column) => (column === row.length - 1 ? cell : padded(cell, column))).join("")}\n`)
    .join("");
}
