import type { Resolved } from "../../bake/definition/resolve.ts";
import { parseCSV } from "../../dockerfile/csv.ts";
import { CliError } from "../cli-error.ts";
import { goJson } from "../format/go-json.ts";
import { tabbed } from "./tabbed.ts";

/** What `--list` asks for. */
export interface Listing {
  readonly type: "targets" | "variables";
  readonly format: "table" | "json";
}

/** Read `--list`: `targets`, `type=variables,format=json`. @throws {CliError} in buildx's words */
export function parseList(given: string): Listing {
  const fields = parseCSV(given);
  const pairs = fields.length === 1 && !given.startsWith("type=") ? [["type", given] as const] : fields.map(readField);
  const values = new Map(pairs);
  const { type = "", format = "table" } = Object.fromEntries(values);
  if (type !== "targets" && type !== "variables") throw wrong(`invalid list type ${JSON.stringify(type)}`);
  if (format !== "table" && format !== "json") throw wrong(`invalid list format ${JSON.stringify(format)}`);
  return { type, format };
}

function readField(field: string): readonly [string, string] {
  const equals = field.indexOf("=");
  if (equals < 0) throw wrong(`invalid value ${field}`);
  const key = field.slice(0, equals).trim().toLowerCase();
  if (key !== "type" && key !== "format") throw wrong(`unexpected key '${key}' in '${field}'`);
  return [key, field.slice(equals + 1)];
}

function wrong(message: string): CliError {
  return new CliError(`ERROR: ${message}`);
}

/** What `--list` prints. */
export function listText(config: Resolved, { type, format }: Listing): string {
  return type === "targets" ? targetsText(config, format) : variablesText(config, format);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

/** Names that start with an underscore are for the definition alone. */
function targetsText({ targets, groups }: Resolved, format: Listing["format"]): string {
  const all = [
    ...targets.map(({ name, description = "" }) => ({ name, description, group: false })),
    ...groups.map(({ name, description = "", targets: members }) => ({
      name,
      description: groupDescription(description, members),
      group: true,
    })),
  ];
  const shown = all.toSorted(byName).filter(({ name }) => !name.startsWith("_"));
  if (format === "json") {
    const objects = shown.map(({ name, description, group }) => ({
      name,
      ...(description === "" ? {} : { description }),
      ...(group ? { group } : {}),
    }));
    return `${goJson(objects.length === 0 ? null : objects, "  ")}\n`;
  }
  return tabbed([["TARGET", "DESCRIPTION"], ...shown.map(({ name, description }) => [name, description])]);
}

function groupDescription(description: string, members: readonly string[]): string {
  if (members.length === 0) return description;
  const names = members.toSorted().join(", ");
  return description === "" ? names : `${description} (${names})`;
}

function variablesText({ variables }: Resolved, format: Listing["format"]): string {
  const shown = variables.toSorted(byName);
  if (format === "json") {
    const objects = shown.map(({ name, description = "", type = "", value }) => ({
      name,
      ...(description === "" ? {} : { description }),
      ...(type === "" ? {} : { type }),
      ...(value === undefined ? {} : { value }),
    }));
    return `${goJson(objects, "  ")}\n`;
  }
  const rows = shown.map(({ name, type = "", value = "<null>", description = "" }) => [name, type, value, description]);
  return tabbed([["VARIABLE", "TYPE", "VALUE", "DESCRIPTION"], ...rows]);
}
