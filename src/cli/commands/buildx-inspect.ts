import { type Command, defineCommand } from "../command.ts";
import { builderFlags, requireBuilder } from "../flags/builder.ts";
import { bool } from "../flags/kinds.ts";
import { theBuilder } from "../format/builder.ts";

/** `berth buildx inspect`. A builder that is no daemon is always booted. */
export const command: Command = defineCommand({
  synopsis: "[NAME]",
  arity: { min: 0, max: 1 },
  flags: { ...builderFlags, bootstrap: bool("Ensure builder has booted before inspecting") },
  examples: ["buildx inspect", "buildx inspect --bootstrap"],
  run: async ({ args: [name], io }) => {
    if (name !== undefined) requireBuilder(name);
    const builder = theBuilder();
    const whole = lines([
      ["Name", builder.name],
      ["Driver", builder.driver],
    ]);
    const node = lines([
      ["Name", builder.name],
      ["Endpoint", builder.endpoint],
      ["Status", builder.status],
      ["BuildKit version", builder.version],
      ["Platforms", builder.platforms.join(", ")],
    ]);
    io.stdout.write(`${whole}\nNodes:\n${node}`);
    return 0;
  },
});

function lines(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}\n`).join("");
}
