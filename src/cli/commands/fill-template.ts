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
 * One thing by `--format`: `json`, or a template, with a line feed at its end.
 *
 * @throws {CliError} in Docker's words, with 64 when the template can't be read
 */
export function fillTemplate(format: string, data: object): string {
  if (format === "json") return `${JSON.stringify(data)}\n`;
  const nodes = telling(() => parseTemplate(format), malformed);
  const options = {
    missing: (field: string) => `map has no entry for key ${JSON.stringify(field)}`,
    nil: (field: string) => nils[field] ?? "[]",
  };
  return `${telling(() => evaluate(nodes, data, options), 1)}\n`;
}

function telling<T>(action: () => T, code: number): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliError(`template parsing error: ${messageOf(error)}`, { code, cause: error });
  }
}
