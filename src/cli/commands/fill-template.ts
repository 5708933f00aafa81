import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { evaluate } from "../template/evaluate.ts";
import { TemplateError } from "../template/nodes.ts";
import { parseTemplate } from "../template/parse.ts";

/** What Docker ends with when a template can't be read. */
const malformed = 64;

/** Fields that are null where Go has a nil map or pointer; any other is a nil slice. */
const nils: Readonly<Record<string, string>> = {
  Labels: "map[]",
  Volumes: "map[]",
  Data: "map[]",
  PidsLimit: "<nil>",
  MemorySwappiness: "<nil>",
  OomKillDisable: "<nil>",
  IPAMConfig: "<nil>",
  DriverOpts: "map[]",
};

/**
 * How things are shown one by one, by a template: each with a line feed at its end.
 *
 * @throws {CliError} in Docker's words, with 64 when the template can't be read
 */
export function compileTemplate(format: string): (data: object) => string {
  const template = telling(() => parseTemplate(format), malformed);
  const options = {
    missing: (field: string) => `map has no entry for key ${JSON.stringify(field)}`,
    nil: (field: string) => nils[field] ?? "[]",
  };
  return (data) => `${telling(() => evaluate(template, data, options), 1)}\n`;
}

/** One thing by `--format`: `json`, or a template, with a line feed at its end. @throws {CliError} as {@link compileTemplate} */
export function fillTemplate(format: string, data: object): string {
  return format === "json" ? `${JSON.stringify(data)}\n` : compileTemplate(format)(data);
}

function telling<T>(action: () => T, code: number): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(`template parsing error: ${messageOf(error)}`, { code, cause: error });
  }
}
