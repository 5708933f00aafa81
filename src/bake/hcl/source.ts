/** A file that is read. */
export interface Source {
  readonly name: string;
  readonly text: string;
  /** The file itself, where `text` is a part of it in its place. */
  readonly whole?: string;
}

/** A part of a file, in code units from its start; `end` isn't part of it. */
export interface Range {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** Lines and columns from 1, as HCL counts them: characters, not code units. */
export function positionOf({ text }: Source, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  let line = 1;
  for (let at = before.indexOf("\n"); at >= 0; at = before.indexOf("\n", at + 1)) line++;
  return { line, column: [...before.slice(lineStart)].length + 1 };
}

/** `docker-bake.hcl:4,22-26`, as HCL names a place. */
export function placeOf({ source, start, end }: Range): string {
  const from = positionOf(source, start);
  const to = positionOf(source, end);
  const last = from.line === to.line ? `${to.column}` : `${to.line},${to.column}`;
  return `${source.name}:${from.line},${from.column}-${last}`;
}

/** From the start of one part to the end of another. */
export function across(first: Range, last: Range): Range {
  return { source: first.source, start: first.start, end: last.end };
}
