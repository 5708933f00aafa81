import { ArgumentError, type Callable, type CallSite } from "../eval/scope.ts";
import { bakeLimits } from "../limits.ts";
import { listOf, types } from "../value/type.ts";
import { compareText, number, text, texts, type Value } from "../value/value.ts";
import { define, itemsOf, param, textOf, wholeOf } from "./define.ts";

function one(name: string, run: (given: string) => string): Callable {
  return define({ params: [param(name, "string")], run: ([given]) => text(run(textOf(given))) });
}

function two(names: readonly [string, string], run: (a: string, b: string) => string): Callable {
  const params = names.map((name) => param(name, "string"));
  return define({ params, run: ([a, b]) => text(run(textOf(a), textOf(b))) });
}

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What a reader takes for one sign each. */
export function signsOf(given: string): readonly string[] {
  // Plain ASCII has one sign a unit, but for a line's end in two.
  if (/^[\x20-\x7e]*$/.test(given)) return [...given];
  return [...segmenter.segment(given)].map(({ segment }) => segment);
}

function substring(given: string, offset: number, length: number): string {
  const signs = signsOf(given);
  const start = offset < 0 ? Math.max(0, signs.length + offset) : offset;
  return signs.slice(start, length < 0 ? undefined : start + length).join("");
}

function join([separator, ...lists]: readonly Value[]): Value {
  if (lists.length === 0) throw new Error("at least one list is required");
  const parts = lists.flatMap((list, index) =>
    itemsOf(list).map((item, place) => {
      if (item.kind !== "null") return textOf(item);
      const which = lists.length > 1 ? `element ${place} of list ${index + 1}` : `element ${place}`;
      throw new ArgumentError(index + 1, `${which} is null; cannot concatenate null values`, "lists");
    }),
  );
  return text(parts.join(textOf(separator)));
}

/** Replace every occurrence, when the result isn't too long. */
function replaceAll(given: string, from: string, to: string, { budget }: Pick<CallSite, "budget">): string {
  const parts = given.split(from);
  budget.spendText(given.length + parts.length * to.length);
  if (from !== "") return parts.join(to);
  return `${to}${[...given].join(to)}${given === "" ? "" : to}`;
}

function title(given: string): string {
  return given.replaceAll(
    /(^|[^\p{L}\p{Nd}_\u0080-\u{10ffff}]|\s)(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

function basename(path: string): string {
  if (path === "") return ".";
  return path.replace(/\/+$/, "").replace(/^.*\//s, "") || "/";
}

function dirname(path: string): string {
  const before = path.replace(/[^/]*$/s, "");
  return cleanPath(before);
}

/** As Go's path.Clean. */
function cleanPath(path: string): string {
  const isRooted = path.startsWith("/");
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (!isRooted) parts.push(part);
  }
  return `${isRooted ? "/" : ""}${parts.join("/")}` || ".";
}

function indent(spaces: number, given: string, site: CallSite): string {
  if (spaces < 0 || spaces > bakeLimits.text) throw new ArgumentError(0, "must be a number of spaces", "spaces");
  return replaceAll(given, "\n", `\n${" ".repeat(spaces)}`, site);
}

/** Functions of texts. @see go-cty, function/stdlib/string.go */
export const stringFunctions: Readonly<Record<string, Callable>> = {
  basename: one("path", basename),
  chomp: one("str", (given) => given.replace(/(?:\r\n?|\n)+$/, "")),
  dirname: one("path", dirname),
  indent: define({
    params: [param("spaces", "number"), param("str", "string")],
    run: ([spaces, given], site) => text(indent(wholeOf(spaces), textOf(given), site)),
  }),
  join: define({ params: [param("separator", "string")], rest: param("lists", listOf(types.string)), run: join }),
  lower: one("str", (given) => given.toLowerCase()),
  replace: define({
    params: [param("str", "string"), param("substr", "string"), param("replace", "string")],
    run: ([given, from, to], site) => text(replaceAll(textOf(given), textOf(from), textOf(to), site)),
  }),
  reverse: one("str", (given) => signsOf(given).toReversed().join("")),
  sanitize: one("name", (given) => [...given].map((sign) => (/[\w-]/.test(sign) ? sign : "_")).join("")),
  sort: define({
    params: [param("list", listOf(types.string))],
    run: ([given]) =>
      texts(
        itemsOf(given)
          .map((item, index) => {
            if (item.kind === "null")
              throw new Error(`given list element ${index} is null; a null string cannot be sorted`);
            return textOf(item);
          })
          .sort(compareText),
      ),
  }),
  split: define({
    params: [param("separator", "string"), param("str", "string")],
    run: ([separator, given]) => {
      const at = textOf(separator);
      return texts(at === "" ? [...textOf(given)] : textOf(given).split(at));
    },
  }),
  strlen: define({ params: [param("str", "string")], run: ([given]) => number(signsOf(textOf(given)).length) }),
  substr: define({
    params: [param("str", "string"), param("offset", "number"), param("length", "number")],
    run: ([given, offset, length]) => text(substring(textOf(given), wholeOf(offset), wholeOf(length))),
  }),
  title: one("str", title),
  trim: two(["str", "cutset"], (given, cutset) => trimSigns(given, cutset)),
  trimprefix: two(["str", "prefix"], (given, prefix) =>
    given.startsWith(prefix) ? given.slice(prefix.length) : given,
  ),
  trimspace: one("str", (given) => given.trim()),
  trimsuffix: two(["str", "suffix"], (given, suffix) =>
    suffix !== "" && given.endsWith(suffix) ? given.slice(0, -suffix.length) : given,
  ),
  upper: one("str", (given) => given.toUpperCase()),
};

function trimSigns(given: string, cutset: string): string {
  const cut = new Set(cutset);
  const signs = [...given];
  let [start, end] = [0, signs.length];
  while (start < end && cut.has(signs[start] ?? "")) start++;
  while (end > start && cut.has(signs[end - 1] ?? "")) end--;
  return signs.slice(start, end).join("");
}
