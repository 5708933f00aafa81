import { parseCSV } from "../../dockerfile/csv.ts";

/** The fields of a line of comma-separated values; an empty line has none. @throws in Go's words */
export function fieldsOf(line: string): readonly string[] {
  return line === "" ? [] : parseCSV(line);
}
