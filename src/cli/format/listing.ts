import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { evaluate } from "../template/evaluate.ts";
import { headingFunctions } from "../template/functions.ts";
import { type Template, TemplateError } from "../template/nodes.ts";
import { parseTemplate } from "../template/parse.ts";
import { Nil } from "../template/values.ts";
import { align } from "./align.ts";

/** One field of a row: its heading in tables, and its text. A field with `argument` is used as `{{.Label "x"}}`; one that is undefined is null in JSON. */
export type Column<Row> =
  | { readonly heading: string; readonly text: (row: Row) => string | undefined }
  | { readonly heading: string; readonly argument: (row: Row, argument: string) => string };

/** What can be listed: fields by the names that templates use, and the table that is shown without a template. */
export interface Listing<Row> {
  readonly columns: Readonly<Record<string, Column<Row>>>;
  /** Names of the columns of the default table. */
  readonly table: readonly string[];
  /** Docker's name of the thing, in error messages: `*formatter.ContainerContext`. */
  readonly type: string;
  /** The template that `--format raw` stands for. */
  readonly raw?: string;
  /** True where Docker looks at the template before it looks for anything: its errors have other words. */
  readonly isChecked?: boolean;
}

const tablePrefix = "table";

/** `json`, and what it stands for. */
const wholeRow = /^(?:json|\{\{ *json +\. *\}\})$/;

/**
 * Rows as text, by `--format`: `table` (also when absent), `table TEMPLATE`, `json`, `raw`, or a template for each row.
 *
 * @throws {CliError} with Docker's text, when the template is wrong
 */
export function formatRows<Row>(listing: Listing<Row>, rows: readonly Row[], format: string = tablePrefix): string {
  if (wholeRow.test(format))
    return rows.map((row) => `${escapeHTML(JSON.stringify(textsOf(listing, row)))}\n`).join("");
  if (format === "raw" && listing.raw !== undefined) return formatLines(listing, rows, listing.raw);
  if (format === tablePrefix || format === "") return formatTable(listing, rows, defaultTemplate(listing));
  if (format.startsWith(tablePrefix)) return formatTable(listing, rows, format.slice(tablePrefix.length));
  return formatLines(listing, rows, format);
}

/**
 * One thing by a template, without a line feed at its end. @param what its Go type, for error messages, and its fields
 *
 * @throws {CliError} with Docker's text, when the template is wrong
 */
export function formatOnce(format: string, what: { readonly type: string; readonly data: object }): string {
  const source = format.startsWith(tablePrefix) ? format.slice(tablePrefix.length) : format;
  const template = telling("template parsing error", () => parseTemplate(withTabs(source.replace(/^ +| +$/g, ""))));
  try {
    return evaluate(template, what.data, { missing: missingIn(what) });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(messageOf(error), { cause: error });
  }
}

function defaultTemplate<Row>({ table }: Listing<Row>): string {
  return table.map((name) => `{{.${name}}}`).join("\t");
}

function formatLines<Row>(listing: Listing<Row>, rows: readonly Row[], source: string): string {
  const template = parsed(listing, source);
  if (listing.isChecked === true && rows.length === 0) tryOnNothing(listing, template);
  return filled(listing, template, rows)
    .map((text) => `${text}\n`)
    .join("");
}

function formatTable<Row>(listing: Listing<Row>, rows: readonly Row[], source: string): string {
  const template = parsed(listing, source);
  if (listing.isChecked === true && rows.length === 0) tryOnNothing(listing, template);
  const lines = [heading(listing, template), ...filled(listing, template, rows)];
  return align(lines.flatMap((text) => text.split("\n")).map((text) => text.split("\t")));
}

function parsed<Row>({ isChecked = false }: Listing<Row>, source: string): Template {
  const what = isChecked ? "failed to parse template" : "template parsing error";
  return telling(what, () => parseTemplate(withTabs(source.replace(/^ +| +$/g, ""))));
}

function filled<Row>(listing: Listing<Row>, template: Template, rows: readonly Row[]): readonly string[] {
  const contextOf = contextsOf(listing);
  const options = { missing: missingIn(listing) };
  return telling(failing(listing), () => rows.map((row) => evaluate(template, contextOf(row), options)));
}

/** A table's headings come by its own template, in which Docker's functions leave them alone. What doesn't fit a heading leaves it empty. */
function heading<Row>(listing: Listing<Row>, template: Template): string {
  const options = { missing: missingIn(listing), functions: headingFunctions };
  try {
    return evaluate(template, headingsOf(listing), options);
  } catch (error) {
    if (error instanceof TemplateError) return "";
    throw error;
  }
}

/** A wrong template is told also when there is nothing to list: Docker tries it on a row without content. */
function tryOnNothing<Row>(listing: Listing<Row>, template: Template): void {
  const columns = Object.entries(listing.columns).map(([name, column]) => [
    name,
    "argument" in column ? (argument: unknown) => (typeof argument === "string" ? "" : undefined) : "",
  ]);
  const row: object = Object.fromEntries(columns);
  telling(failing(listing), () => evaluate(template, row, { missing: missingIn(listing) }));
}

function failing<Row>({ isChecked = false }: Listing<Row>): string {
  return isChecked ? "failed to execute template" : "template parsing error";
}

function missingIn({ type }: { readonly type: string }): (name: string) => string {
  return (name) => `can't evaluate field ${name} in type ${type}`;
}

function headingsOf<Row>({ columns }: Listing<Row>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, headingOf(column)]));
}

function headingOf<Row>(column: Column<Row>): unknown {
  return "argument" in column ? (argument: unknown) => String(argument) : column.heading;
}

function telling<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

/** Shells hand `\t` and `\n` over as they are written. */
function withTabs(template: string): string {
  return template.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
}

/** A row as JSON has it. */
export function textsOf<Row>({ columns }: Listing<Row>, row: Row): Readonly<Record<string, unknown>> {
  const texts = Object.entries(columns).flatMap(([name, column]) =>
    "text" in column ? [[name, column.text(row) ?? null] as const] : [],
  );
  return Object.fromEntries(texts.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Rows as templates see them. They use few of the fields: each is made when it is looked at. All rows share what makes them, which is
 * half as long as functions of each one's own.
 */
export function contextsOf<Row>({ columns }: Listing<Row>): (row: Row) => Readonly<Record<string, unknown>> {
  const rows = new WeakMap<object, Row>();
  const fields: PropertyDescriptorMap = {};
  for (const [name, column] of Object.entries(columns)) {
    fields[name] = {
      enumerable: true,
      get(this: object) {
        const row = rows.get(this) as Row;
        if ("argument" in column) return (argument: unknown) => column.argument(row, String(argument));
        return column.text(row) ?? new Nil("<nil>");
      },
    };
  }
  return (row) => {
    const context = Object.defineProperties({}, fields);
    rows.set(context, row);
    return context;
  };
}

/** As Go's encoder does it. */
function escapeHTML(json: string): string {
  return json.replace(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
}
