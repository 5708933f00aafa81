import type { Engine } from "../engine/engine.ts";
import type { Flags, Values } from "./flags/flag.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** How many words a command takes beside its flags. */
export interface Arity {
  readonly min: number;
  /** Any number when absent. */
  readonly max?: number;
}

/** One call of a command. */
export interface Call<V> {
  /** Value of every flag, given or not. */
  readonly values: V;
  /** Long names of the flags that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  /** How many of these stand before `--`; absent without one. */
  readonly dash?: number;
  readonly io: Terminal;
  /** The engine, opened at the first call and closed when the command has ended. */
  readonly engine: () => Promise<Engine>;
}

/** What {@link defineCommand} takes: a command as data, and what it does. */
export interface Definition<F extends Flags> {
  /** What follows the command's name in the usage line. */
  readonly synopsis: string;
  readonly arity: Arity;
  /** False where flags after the first word belong to somebody else. Flags may stand anywhere when absent. */
  readonly interspersed?: boolean;
  readonly flags: F;
  /** It deletes or reads alone, and has to work when the disk is full. False when absent. */
  readonly onFullDisk?: boolean;
  /** Command lines to imitate, without the leading `berth`. At least one. */
  readonly examples: readonly [string, ...string[]];
  /** @returns the exit code. @throws what is then printed, with its exit code */
  readonly run: (call: Call<Values<F>>) => Promise<number>;
}

/** A command, its flags' types forgotten: what the main program works with. */
export interface Command extends Omit<Definition<Flags>, "run" | "interspersed"> {
  readonly interspersed: boolean;
  readonly run: (call: Call<Readonly<Record<string, unknown>>>) => Promise<number>;
}

/** Make a command whose `run` sees the values of its flags with their types. */
export function defineCommand<F extends Flags>(definition: Definition<F>): Command {
  const { run, interspersed = true, ...data } = definition;
  // The parser fills one value per flag from that flag's own `initial` and `read`.
  return { ...data, interspersed, run: (call) => run({ ...call, values: call.values as Values<F> }) };
}
