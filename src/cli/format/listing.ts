import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { evaluate } from "../template/evaluate.ts";
import { parseTemplate } from "../template/parse.ts";
import { align } from "./align.ts";

/** One field of a row: its heading in tables, and its text. A field with `argument` is used as `{{.Label "x"}}`. */
export type Column<Row> =
  | { readonly heading: string; readonly text: (row: Row) => string }
  | { readonly heading: string; readonly argument: (row: Row, argument: string) => string };

/** What can be listed: fields by the names that templates use, and the table that is shown without a template. */
export interface Listing<Row> {
  readonly columns: Readonly<Record<string, Column<Row>>>;
  /** Names of the columns of the default table. */
  readonly table: readonly string[];
  /** Docker's name of the thing, in error messages: `*formatter.ContainerContext`. */
  readonly type: string;
}

const tablePrefix = "table";

/**
 * Rows as text, by `--format`: `table` (also when absent), `table TEMPLATE`, `json`, or a template for each row.
 *
 * @throws {CliError} with Docker's text, when the template is wrong
 */
export function formatRows<Row>(listing: Listing<Row>, rows: readonly Row[], format: string = tablePrefix): string {
  if (format === tablePrefix || format === "") return formatTable(listing, rows, defaultTemplate(listing));
  if (format === "json") return rows.map((row) => `${escapeHTML(JSON.stringify(textsOf(listing, row)))}\n`).join("");
  if (format.startsWith(`${tablePrefix} `)) return formatTable(listing, rows, format.slice(tablePrefix.length + 1));
  const line = compile(listing, format);
  // A wrong field is told also when there is nothing to list.
  line(headingsOf(listing));
  return rows.map((row) => `${line(contextOf(listing, row))}\n`).join("");
}

function defaultTemplate<Row>({ table }: Listing<Row>): string {
  return table.map((name) => `{{.${name}}}`).join("\t");
}

function formatTable<Row>(listing: Listing<Row>, rows: readonly Row[], template: string): string {
  const line = compile(listing, template.trim());
  const lines = [line(headingsOf(listing)), ...rows.map((row) => line(contextOf(listing, row)))];
  return align(lines.map((text) => text.split("\t")));
}

function headingsOf<Row>({ columns }: Listing<Row>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, headingOf(column)]));
}

function headingOf<Row>(column: Column<Row>): unknown {
  return "argument" in column ? (argument: unknown) => String(argument) : column.heading;
}

function compile<Row>({ type }: Listing<Row>, template: string): (context: unknown) => string {
  const missing = (name: string): string => `can't evaluate field ${name} in type ${type}`;
  const nodes = wrapping("failed to parse template", () => parseTemplate(withTabs(template)));
  return (context) => wrapping("failed to execute template", () => evaluate(nodes, context, { missing }));
}

function wrapping<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new CliError(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Shells hand `\t` and `\n` over as they are written. */
function withTabs(template: string): string {
  return template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

function textsOf<Row>({ columns }: Listing<Row>, row: Row): Readonly<Record<string, string>> {
  const texts = Object.entries(columns).flatMap(([name, column]) =>
    "text" in column ? [[name, column.text(row)]] : [],
  );
  return Object.fromEntries(texts.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)));
}

function contextOf<Row>({ columns }: Listing<Row>, row: Row): Readonly<Record<string, unknown>> {
  const entries = Object.entries(columns).map(([name, column]) => [
    name,
    "argument" in column ? (argument: unknown) => column.argument(row, String(argument)) : column.text(row),
  ]);
  return Object.fromEntries(entries);
}

/** As Go's encoder does it. */
function escapeHTML(json: string): string {
  return json.replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
}
