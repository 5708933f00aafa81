import { BerthError } from "../base/errors.ts";

/**
 * Split one line of comma-separated values; a field in double quotes may hold commas, and quotes if they are doubled.
 *
 * @throws {BerthError} invalid-argument with the message of Go's encoding/csv
 */
export function parseCSV(line: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; ; ) {
    const field = /"([^"]*(?:""[^"]*)*)"(?=,|$)|[^",]*(?=,|$)/y;
    field.lastIndex = at;
    const match = field.exec(line);
    if (match === null) throw wrong(line, at);
    fields.push(match[1]?.replaceAll('""', '"') ?? match[0]);
    at = field.lastIndex + 1;
    if (at > line.length) return fields;
  }
}

function wrong(line: string, at: number): BerthError {
  const bare = line[at] !== '"';
  const column = (bare ? line.indexOf('"', at) : line.length) + 1;
  const reason = bare ? 'bare " in non-quoted-field' : 'extraneous or missing " in quoted-field';
  return new BerthError("invalid-argument", `parse error on line 1, column ${column}: ${reason}`);
}
