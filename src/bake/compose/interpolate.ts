/** What a variable is; undefined where it isn't set. */
export type Lookup = (name: string) => string | undefined;

const start = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*))/y;

/**
 * Put variables into a text: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?error}`, `${NAME:+other}`; `$$` is a dollar sign.
 *
 * @throws in compose's words @see compose-spec, 12-interpolation.md
 */
export function interpolate(text: string, lookup: Lookup): string {
  let result = "";
  for (let at = text.indexOf("$"), from = 0; ; at = text.indexOf("$", from)) {
    if (at < 0) return result + text.slice(from);
    const { value, end } = variableAt(text, at, lookup);
    result += text.slice(from, at) + value;
    from = end;
  }
}

/** What stands at a dollar sign, and where it ends. */
function variableAt(text: string, at: number, lookup: Lookup): { readonly value: string; readonly end: number } {
  start.lastIndex = at;
  const [whole, dollar, bare, braced] = start.exec(text) ?? [];
  // A dollar sign in front of anything else is only that, as in `$(date)`.
  if (whole === undefined && text[at + 1] !== "{") return { value: "$", end: at + 1 };
  if (whole === undefined) throw invalid(text);
  const end = at + whole.length;
  if (dollar !== undefined) return { value: dollar, end };
  if (bare !== undefined) return { value: lookup(bare) ?? "", end };
  const close = closingBrace(text, end);
  if (close < 0) throw invalid(text);
  return { value: substituted(braced ?? "", text.slice(end, close), { lookup, text }), end: close + 1 };
}

function closingBrace(text: string, from: number): number {
  let open = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "{") open++;
    if (text[at] === "}" && --open === 0) return at;
  }
  return -1;
}

function substituted(
  name: string,
  rest: string,
  { lookup, text }: { readonly lookup: Lookup; readonly text: string },
): string {
  const value = lookup(name);
  if (rest === "") return value ?? "";
  const [, colon, operator, word = ""] = /^(:?)([-?+])([\s\S]*)$/.exec(rest) ?? [];
  const isThere = value !== undefined && (colon === "" || value !== "");
  switch (operator) {
    case "-":
      return isThere ? value : interpolate(word, lookup);
    case "+":
      return isThere ? interpolate(word, lookup) : (value ?? "");
    case "?": {
      if (isThere) return value;
      const reason = interpolate(word, lookup);
      throw new Error(`required variable ${name} is missing a value${reason === "" ? "" : `: ${reason}`}`);
    }
    default:
      throw invalid(text);
  }
}

function invalid(text: string): Error {
  return new Error(`invalid interpolation format ${JSON.stringify(text)}; a dollar sign itself is written $$`);
}
