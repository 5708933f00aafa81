import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { interruptible } from "../terminal/interrupt.ts";

type StoreProblem = ReturnType<Engine["check"]> extends AsyncIterable<infer Problem> ? Problem : never;

/** `berth system check` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    format: text('Format output: "json" prints one object'),
    quick: bool("Look at names, sizes and attributes, and read no content"),
    repair: bool("Mend what can be mended; nothing else is touched"),
  },
  onFullDisk: true,
  examples: ["system check", "system check --repair"],
  run: async ({ values: { format, quick, repair }, io, engine }) => {
    if (format !== undefined && format !== "json") throw new CliError(`unsupported format: ${format}`);
    const json = format === "json";
    using interrupt = interruptible(io);
    const looked = new Map<string, number>();
    const problems: StoreProblem[] = [];
    const options = {
      ...{ quick, repair, signal: interrupt.signal },
      looked: (what: string, count: number) => void looked.set(what, count),
    };
    for await (const problem of (await engine()).check(options)) {
      problems.push(problem);
      if (!json) io.stdout.write(linesOf(problem, repair));
    }
    const clean = problems.every(({ mended, leftover }) => mended || leftover);
    if (json) io.stdout.write(`${JSON.stringify({ clean, looked: Object.fromEntries(looked), problems })}\n`);
    else io.stdout.write(summary(looked, problems, repair));
    return clean ? 0 : 1;
  },
});

function linesOf(
  { invariant, what, images, containers, leftover, advice, mended, why }: StoreProblem,
  repair: boolean,
): string {
  const state = mended ? "mended" : repair ? "can't be mended" : leftover ? "left over" : "wrong";
  const lines = [`${invariant} ${state}: ${what}`];
  if (images.length > 0) lines.push(`   images: ${images.join(", ")}`);
  if (containers.length > 0) lines.push(`   containers: ${containers.join(", ")}`);
  if (why !== undefined) lines.push(`   It can't be fetched again: ${why}`);
  if (!mended) lines.push(`   ${advice}`);
  return `${lines.join("\n")}\n`;
}

function summary(looked: ReadonlyMap<string, number>, problems: readonly StoreProblem[], repair: boolean): string {
  const counts = [...looked].map(([what, count]) => `${what}: ${count}`).join(", ");
  const lines = [`Checked ${counts}.`];
  const open = problems.filter(({ mended }) => !mended);
  const wrong = open.filter(({ leftover }) => !leftover).length;
  const leftovers = open.length - wrong;
  if (problems.length > open.length) lines.push(`${problems.length - open.length} mended.`);
  if (leftovers > 0) lines.push(`${leftovers} left over by commands that were killed; any prune deletes that.`);
  if (wrong === 0) lines.push("Everything is as it should be.");
  else lines.push(`${wrong} wrong. docs/store.md says what each should be.`);
  if (wrong > 0 && !repair) lines.push("`berth system check --repair` mends what can be mended.");
  return `${lines.join("\n")}\n`;
}
