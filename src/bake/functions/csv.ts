/** Read comma-separated values: fields in quotes may hold commas, line breaks, and quotes if they are doubled. @throws in Go's words */
export function parseRecords(given: string): readonly (readonly string[])[] {
  const records: string[][] = [];
  let record: string[] = [];
  const field = /"((?:[^"]|"")*)"(,|\r?\n|$)|([^",\r\n]*)(,|\r?\n|$)/y;
  for (let at = 0; at < given.length || record.length > 0; at = field.lastIndex) {
    field.lastIndex = at;
    const found = field.exec(given);
    if (found === null) throw new Error(`parse error on line ${records.length + 1}: bare " in non-quoted-field`);
    const [, quoted, quotedEnd, bare = "", bareEnd] = found;
    record.push(quoted?.replaceAll('""', '"') ?? bare);
    if ((quotedEnd ?? bareEnd) === ",") continue;
    if (record.length > 1 || record[0] !== "") records.push(record);
    record = [];
    if (field.lastIndex >= given.length) break;
  }
  return records;
}
