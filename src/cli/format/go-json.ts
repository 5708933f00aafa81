/** A value as Go's encoder writes it. @param indent of each level; one line when absent */
export function goJson(value: unknown, indent?: string): string {
  return (JSON.stringify(value, null, indent) ?? "null").replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const token = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** JSON with a line for each member, its texts and numbers as they are written. @see Go, encoding/json.Indent */
export function indentJson(text: string, indent: string): string {
  let [indented, depth, before] = ["", 0, ""];
  for (const [part] of text.matchAll(token)) {
    const closes = part === "}" || part === "]";
    const opened = before === "{" || before === "[";
    if (closes) depth--;
    if ((opened && !closes) || before === "," || (closes && !opened)) indented += `\n${indent.repeat(depth)}`;
    indented += part === ":" ? ": " : part;
    if (part === "{" || part === "[") depth++;
    before = part;
  }
  return indented;
}
