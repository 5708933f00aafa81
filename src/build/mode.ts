import { BerthError } from "../base/errors.ts";

// What `--chmod` takes. @see Dockerfile reference, "COPY --chmod"; chmod(1)

/** Permission bits, or in chmod(1)'s words what changes of those that a file has: `u=rwX,go-w`. */
export type ModeChange = number | string;

/**
 * Read a mode: octal digits or chmod(1)'s words.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function parseMode(text: string): ModeChange {
  const mode = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (mode <= 0o7777) return mode;
  if (/^\d/.test(text)) {
    const message = `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`;
    throw new BerthError("invalid-argument", message);
  }
  changesIn(text);
  return text;
}

/** The permission bits of a file that gets a mode. @param old those that it has; `isDirectory` decides what `X` is */
export function changedMode(mode: ModeChange, old: number, isDirectory: boolean): number {
  if (typeof mode === "number") return mode;
  const executable = isDirectory || (old & 0o111) !== 0;
  return changesIn(mode).reduce((bits, change) => applied(bits, change, executable), old & 0o7777);
}

/** One operator of a clause. */
interface Change {
  /** `u`, `g`, `o`; all of them where the clause names nobody. */
  readonly who: readonly Who[];
  readonly operator: "+" | "-" | "=";
  readonly letters: string;
}

type Who = "u" | "g" | "o";

const everybody: readonly Who[] = ["u", "g", "o"];
const shifts: Readonly<Record<Who, number>> = { u: 6, g: 3, o: 0 };
/** The bit beside a class's permissions that `s` sets. */
const setIDs: Readonly<Record<Who, number>> = { u: 0o4000, g: 0o2000, o: 0 };
const clauses = /^[ugoa]*(?:[-+=][rwxXstugo]*)+(?:,[ugoa]*(?:[-+=][rwxXstugo]*)+)*$/;

function changesIn(text: string): readonly Change[] {
  if (!clauses.test(text))
    throw new BerthError("invalid-argument", `invalid chmod parameter: '${text}': invalid syntax`, {
      hint: "--chmod takes octal digits such as 0755, or what chmod takes, such as u=rwX,go=rX.",
    });
  return text.split(",").flatMap((clause) => {
    const [named = ""] = /^[ugoa]*/.exec(clause) ?? [];
    const who = everybody.filter((each) => named === "" || named.includes(each) || named.includes("a"));
    return [...clause.matchAll(/([-+=])([rwxXstugo]*)/g)].map(([, operator = "+", letters = ""]) => ({
      who,
      operator: operator === "-" || operator === "=" ? operator : "+",
      letters,
    }));
  });
}

function applied(old: number, { who, operator, letters }: Change, executable: boolean): number {
  const bits = who.reduce(
    (sum, each) => sum | bitsFor(each, letters, { old, executable: executable || operator === "-" }),
    0,
  );
  const sticky = letters.includes("t") && who.some((each) => each !== "o") ? 0o1000 : 0;
  if (operator === "+") return old | bits | sticky;
  if (operator === "-") return old & ~(bits | sticky);
  const copies = /[ugo]/.test(letters);
  const cleared = who.reduce((sum, each) => sum | (7 << shifts[each]) | (copies ? 0 : setIDs[each]), 0);
  return (old & ~cleared) | bits | sticky;
}

/** What letters stand for in the bits of one class. */
function bitsFor(
  who: Who,
  letters: string,
  { old, executable }: { readonly old: number; readonly executable: boolean },
): number {
  let bits = 0;
  let set = 0;
  for (const letter of letters) {
    if (letter === "r") bits |= 4;
    else if (letter === "w") bits |= 2;
    else if (letter === "x" || (letter === "X" && executable)) bits |= 1;
    else if (letter === "u" || letter === "g" || letter === "o") bits |= (old >> shifts[letter]) & 7;
    else if (letter === "s") set = setIDs[who];
  }
  return (bits << shifts[who]) | set;
}
