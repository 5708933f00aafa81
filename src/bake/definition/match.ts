/** True for a name that a pattern of Go's path.Match means; a name has no slashes. */
export function matches(pattern: string, name: string): boolean {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at] ?? "";
    const close = sign === "[" ? pattern.indexOf("]", at + 2) : -1;
    if (sign === "*") source += "[^/]*";
    else if (sign === "?") source += "[^/]";
    else if (close < 0) source += sign.replace(/[\\^$.|+()[\]{}]/, "\\$&");
    else {
      source += `[${pattern.slice(at + 1, close).replaceAll("\\", "\\\\")}]`;
      at = close;
    }
  }
  return new RegExp(`^${source.replaceAll(/(\[\^\/\]\*)+/g, "[^/]*")}$`).test(name);
}

/** True for what isn't a name alone. */
export function isPattern(text: string): boolean {
  return /[*?[\]]/.test(text);
}
