import type { Command } from "./command.ts";
import type { Flags } from "./flags/flag.ts";

/** A command in the tree: what the overview says of it, and how it is loaded. */
export interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ readonly command: Command }>;
}

/** `berth image …`: commands about one kind of thing. */
export interface Group {
  readonly summary: string;
  readonly commands: Readonly<Record<string, Entry>>;
  /** Other names of its commands. */
  readonly synonyms: Readonly<Record<string, string>>;
  /** What the group's name does where no command follows it; the help when absent. */
  readonly alone?: Entry;
  /** Groups inside it, by their names there, as the groups that they are. */
  readonly groups?: Readonly<Record<string, string>>;
  /** What may stand in front of its commands. */
  readonly flags?: Flags;
  /** What Docker has there and berth hasn't, by the words: why, and what to do instead. */
  readonly refused?: Readonly<Record<string, { readonly why: string; readonly hint?: string }>>;
}
