import type { Flag } from "./flag.ts";

/** What is said of a flag of Docker's that berth has not. */
const sentence = "berth doesn't have this flag yet";

/** Flags that Docker has and berth has not: named, so that the error isn't "unknown", and refused whatever their value. */
export function notYet(names: {
  /** Names of flags that take a value; `publish/p` with a shorthand. */
  readonly withValue: readonly string[];
  readonly alone?: readonly string[];
}): Readonly<Record<string, Flag<undefined>>> {
  const entries = [
    ...names.withValue.map((name) => entryOf(name, {})),
    ...(names.alone ?? []).map((name) => entryOf(name, { alone: "true" })),
  ];
  return Object.fromEntries(entries);
}

function entryOf(nameAndShort: string, more: { readonly alone?: string }): readonly [string, Flag<undefined>] {
  const [name = "", short] = nameAndShort.split("/");
  const read = (): never => {
    throw new Error(sentence);
  };
  return [
    name,
    { description: "", hidden: true, initial: undefined, read, ...(short === undefined ? {} : { short }), ...more },
  ];
}
